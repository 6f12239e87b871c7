package search

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// goldenUnits reads testdata/units.txt.
func goldenUnits(t testing.TB) []Doc {
	t.Helper()
	data, err := os.ReadFile("testdata/units.txt")
	if err != nil {
		t.Fatal(err)
	}
	var docs []Doc
	for line := range strings.Lines(string(data)) {
		name, value, ok := strings.Cut(strings.TrimSpace(line), ": ")
		if !ok || strings.HasPrefix(line, "#") {
			continue
		}
		if name == "unit" {
			parts := strings.Split(value, "_")
			docs = append(docs, Doc{Key: value, Name: strings.Join(parts[:len(parts)-2], "_")})
			continue
		}
		setField(t, &docs[len(docs)-1], name, value)
	}
	return docs
}

func setField(t testing.TB, d *Doc, name, value string) {
	t.Helper()
	switch name {
	case "signature":
		d.Signature = value
	case "tags":
		d.Tags = strings.Split(value, ", ")
	case "description":
		d.Description = value
	case "params":
		d.Params = value
	case "body":
		d.Body = value
	case "used":
		n, err := strconv.Atoi(value)
		if err != nil {
			t.Fatal(err)
		}
		d.Boost = float64(n)
	default:
		t.Fatalf("units.txt: unknown field %q", name)
	}
}

// TestGolden runs each query of the golden files, lines that begin with "? ",
// and compares the results with the lines below it.
func TestGolden(t *testing.T) {
	t.Parallel()
	x := Build(slices.Values(goldenUnits(t)))
	for name, answer := range map[string]func(*Index, string) string{
		"words.txt": answerWords, "signatures.txt": answerWords, "similar.txt": answerSimilar, "whys.txt": answerWhys, "stems.txt": answerStems,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			path := filepath.Join("testdata", name)
			want, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			var got strings.Builder
			for line := range strings.Lines(string(want)) {
				switch query, ok := strings.CutPrefix(line, "? "); {
				case ok:
					got.WriteString(line + answer(x, strings.TrimSpace(query)))
				case line == "\n" || line[0] == '#':
					got.WriteString(line)
				}
			}
			if got.String() == string(want) {
				return
			}
			if !*update {
				t.Fatalf("%s differs (go test -run Golden -update, then git diff):\n%s", path,
					firstDifference(string(want), got.String()))
			}
			if err := os.WriteFile(path, []byte(got.String()), 0o644); err != nil {
				t.Fatal(err)
			}
		})
	}
}

// answerWords lists the first hits, score before key, followed by where they
// were found.
func answerWords(x *Index, text string) string {
	q := ParseQuery(text)
	res := x.Search(q, Options{Limit: 6})
	var b strings.Builder
	for _, f := range q.Filters {
		fmt.Fprintf(&b, "   filter %+v\n", f)
	}
	for _, p := range q.Problems {
		fmt.Fprintf(&b, "   problem: %s\n", p.Message)
	}
	for _, w := range res.Words {
		if w.Loose {
			fmt.Fprintf(&b, "   %s taken for %s\n", w.Text, strings.Join(w.Near, ", "))
		}
	}
	fmt.Fprintf(&b, "   %d found", res.Total)
	if res.Partial {
		b.WriteString(", none with all words")
	}
	b.WriteString("\n")
	for _, h := range res.Hits {
		fmt.Fprintf(&b, "   %.3f %s %s\n", h.Score, h.Key, h.Fields)
	}
	return strings.ReplaceAll(b.String(), " \n", "\n")
}

// answerSimilar reads a draft as name | signature | description.
func answerSimilar(x *Index, text string) string {
	f := append(strings.Split(text, "|"), "", "")
	matches, err := x.Similar(Draft{Name: strings.TrimSpace(f[0]), Signature: f[1], Description: f[2]}, 3)
	if err != nil {
		return "   error: " + err.Error() + "\n"
	}
	var b strings.Builder
	for _, m := range matches {
		verdict := "-"
		if m.Score >= SimilarUse {
			verdict = "use"
		} else if m.Score >= SimilarLook {
			verdict = "look"
		}
		fmt.Fprintf(&b, "   %.2f %s %s, text %.2f shape %.2f: %s\n", m.Score, verdict, m.Key, m.Text, m.Shape,
			strings.Join(m.Words, " "))
	}
	if len(matches) == 0 {
		b.WriteString("   nothing\n")
	}
	return b.String()
}

// answerWhys lists for each hit how it matches the query's words, and what of
// its description is highlighted.
func answerWhys(x *Index, text string) string {
	res := x.Search(ParseQuery(text), Options{Limit: 4})
	var b strings.Builder
	for _, h := range res.Hits {
		var whys []string
		for _, w := range h.Why {
			whys = append(whys, w.String())
		}
		full := ""
		if h.Full {
			full = ", in full"
		}
		fmt.Fprintf(&b, "   %s%s: %s\n", h.Key, full, strings.Join(whys, "; "))
	}
	if len(res.Hits) > 0 {
		const sample = "The HTTP client's FileWriteAtomic retries a SQLite3 sub-process, then parses JSON; caf\u00e9s, URLs & error_codes."
		at := 0
		b.WriteString("   ")
		for _, s := range res.Spans(sample) {
			fmt.Fprintf(&b, "%s[%s]", sample[at:s.Start], sample[s.Start:s.End])
			at = s.End
		}
		b.WriteString(sample[at:] + "\n")
	}
	return b.String()
}

// answerStems returns the stem of a word with every ending.
func answerStems(_ *Index, word string) string {
	var b strings.Builder
	b.WriteString("  ")
	short, last := word[:len(word)-1], word[len(word)-1:]
	forms := []string{word}
	for _, ending := range strings.Fields("s es ed d ing er ers ly ss ees eed is us 2 é") {
		forms = append(forms, word+ending)
	}
	for _, ending := range []string{"ed", "ing", "ies", "ied", "ying", "eed"} {
		forms = append(forms, short+ending, word+last+ending)
	}
	for _, form := range forms {
		b.WriteString(" " + form + "=" + stem(form))
	}
	return b.String() + "\n"
}

// signatureForms has types of every form.
var signatureForms = strings.Split(`func()
func() error
func(int) error
func(n int, s string) (int, error)
func(s string, n int) (int, error)
func(string, string) bool
func(byte, rune)
func(uint8, int32)
func(any) any
func(interface{}) error
func(...string) string
func([]string) string
func([][]string) []string
func([4]byte) string
func([8]byte) string
func([_]byte) _
func([n]byte) string
func(map[string]int) []string
func(map[string]any) []string
func(map[_]_) []_
func(chan int)
func(<-chan int)
func(chan<- int)
func(<-chan string) chan<- string
func(chan (<-chan int))
func(*T) T
func(T) *T
func(**Thing) Thing
func(*sql.DB, string) (*sql.Rows, error)
func(*DB, string) (*Rows, error)
func(*SQL.db) error
func(sql.D)
func(db.DB)
func(List[int]) int
func(List) int
func(list.List[string, int]) int
func(iter.Seq2[string, error]) error
func(func(int) error) error
func(func(string) error) error
func(func(int, ...string) (bool, error), func())
func(struct{ A int }) error
func(struct{ B int }) error
func(interface{ Close() error }) error
func(context.Context, string) error
func(ctx, path string) error
func(ctx context.Context, a, b string) error
func[T any]([]T, func(T) bool) []T
func[K comparable, V any](map[K]V) []K
func[K comparable, V any](map[K]V, K) (V, bool)
func[T any](T, T) T
func[A, B any](A, B) A
func(int, int) int
func(int, string) int
func([]T, func(T) U) []U
func([]int, func(int) string) []string
func(_, error)
func(_) _
func(io.Reader, io.Writer) (int64, error)
func(r io.Reader) ([]byte, error)
func (c *Client) Do(r Request) error
func(*Client, Request) error
(string, int) -> error
string -> ...
-> (int, error)
[]T -> T
func(http.
func(*
func(map[string
func(string, ...) error`, "\n")

// TestGolden_Signatures: how well signatures of every form match each other, as
// a query and as a unit's.
func TestGolden_Signatures(t *testing.T) {
	t.Parallel()
	var docs []Doc
	for i, form := range signatureForms {
		docs = append(docs, Doc{Key: fmt.Sprintf("%02d", i), Signature: form})
	}
	x := Build(slices.Values(docs))
	var got strings.Builder
	for _, d := range docs {
		fmt.Fprintf(&got, "%s %s\n", d.Key, d.Signature)
		s, err := ParseSignature(d.Signature)
		if err != nil {
			fmt.Fprintf(&got, "   %v\n", err)
			continue
		}
		fmt.Fprintf(&got, "   reads %s\n  ", s)
		for _, h := range x.Search(Query{Signature: &s}, Options{Limit: 100}).Hits {
			fmt.Fprintf(&got, " %s:%.3f", h.Key, h.Score)
		}
		got.WriteString("\n  ")
		matches, err := x.Similar(Draft{Signature: d.Signature}, 100)
		if err != nil {
			fmt.Fprintf(&got, " %v", err)
		}
		for _, m := range matches {
			fmt.Fprintf(&got, " %s~%.3f", m.Key, m.Shape)
		}
		got.WriteString("\n")
	}
	const path = "testdata/forms.txt"
	if *update {
		if err := os.WriteFile(path, []byte(got.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if got.String() != string(want) {
		t.Errorf("%s differs:\n%s", path, firstDifference(string(want), got.String()))
	}
}

func firstDifference(want, got string) string {
	w, g := strings.Split(want, "\n"), strings.Split(got, "\n")
	for i := range min(len(w), len(g)) {
		if w[i] != g[i] {
			return fmt.Sprintf("line %d\nwant %s\ngot  %s", i+1, w[i], g[i])
		}
	}
	return fmt.Sprintf("want %d lines, got %d", len(w), len(g))
}
