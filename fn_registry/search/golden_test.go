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

var update = flag.Bool("update", false, "write the golden files anew")

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

// TestGolden answers each query of the golden files, lines that begin with "? ", and compares what stands below it.
func TestGolden(t *testing.T) {
	t.Parallel()
	x := Build(slices.Values(goldenUnits(t)))
	for name, answer := range map[string]func(*Index, string) string{
		"words.txt": answerWords, "signatures.txt": answerWords, "similar.txt": answerSimilar,
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

// answerWords lists the first hits, score before key, where they were found after it.
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

func firstDifference(want, got string) string {
	w, g := strings.Split(want, "\n"), strings.Split(got, "\n")
	for i := range min(len(w), len(g)) {
		if w[i] != g[i] {
			return fmt.Sprintf("line %d\nwant %s\ngot  %s", i+1, w[i], g[i])
		}
	}
	return fmt.Sprintf("want %d lines, got %d", len(w), len(g))
}
