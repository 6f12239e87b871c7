package search

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

func TestParseQuery(t *testing.T) {
	t.Parallel()
	// Words as [text], phrases in quotes, * for the one that may be incomplete;
	// fields; ! before a problem.
	for text, want := range map[string]string{
		"":                                    "",
		"  retry   backoff ":                  "[retry] [backoff*]",
		"retry tag:http backoff":              "[retry] [backoff*] tag=http",
		"TAG:http -purity:pure x":             "[x*] tag=http -purity=pure",
		`tag:"two words" "exit code" -lru`:    `["exit code"] -[lru] tag=two words`,
		`cache -"least recently"`:             `[cache*] -["least recently"]`,
		`"still open`:                         `["still open"]`,
		`tag:"still open`:                     "tag=still open",
		"tag: x -tag: y":                      "[x] [y*]",
		"imports:net/http uses:a_go_core":     "imports=net/http uses=a_go_core",
		"https://a.b/c std::sort":             "[https://a.b/c] [std::sort*]",
		"error: refused 12:30":                "[error] [refused] [12:30*]",
		"9:30 to 0:15":                        "[9:30] [to] [0:15*]",
		"puirty:pure":                         "!unknown field puirty; did you mean purity? (purity)",
		"user:x":                              "!unknown field user; did you mean uses? (uses)",
		"- -- --flag -1":                      "[--] [--flag*] -[1]",
		`""`:                                  "",
		"type Error struct":                   "type [Error]",
		"type ID string":                      "type [ID]",
		"type Set[T any] map[T]bool":          "type [Set]",
		"type Set[T any":                      "type [Set]",
		"type Set[T any]":                     "type [Set]",
		"type of string":                      "[type] [of] [string*]",
		"type ID string here":                 "[type] [ID] [string] [here*]",
		"func":                                "[func*]",
		"func retry":                          "[func] [retry*]",
		"function (x)":                        "[function] [(x)*]",
		"func(string) error":                  "<func(string) error>",
		"func(string) error tag:x -kind:type": "<func(string) error> tag=x -kind=type",
		"func Get(k string) (V, error)":       "<func(string) (T, error)>",
		"(string) bool":                       "<func(string) bool>",
		"type Store struct":                   "type [Store]",
		"type store struct":                   "[type] [store] [struct*]",
		"type of struct":                      "[type] [of] [struct*]",
		"type S func(int) error":              "type [S]",
		"type S map[string]int":               "type [S]",
		"type S = []int":                      "type [S]",
		"type S chan int":                     "type [S]",
		"type S":                              "[type] [S*]",
		"type S of things":                    "[type] [S] [of] [things*]",
		"kind Store struct":                   "[kind] [Store] [struct*]",
		"type S-T struct":                     "[type] [S-T] [struct*]",
		"Tag:x :y ::z a::b c:":                "[:y] [::z] [a::b] [c*] tag=x",
		`-"a b"c -tag:"a b"c`:                 `-["a b"] [c] [c*] -tag=a b`,
		"- a":                                 "[a*]",
		"-é tag:\u00a0x":                      "-[é] [x*]",
		"string -> bool":                      "<func(string) bool>",
	} {
		if got := describe(ParseQuery(text)); got != want {
			t.Errorf("%q:\ngot  %s\nwant %s", text, got, want)
		}
	}
}

// A type's declaration finds the type before a function of the same name.
func TestSearch_DeclaredType(t *testing.T) {
	t.Parallel()
	x := Build(slices.Values([]Doc{
		{Key: "store_go_a", Name: "store", Description: "Holds values.", Signature: "type Store[K any] interface"},
		{Key: "store_go_b", Name: "store", Description: "Stores a value.", Signature: "func Store(k string) error", Boost: 50},
		{Key: "token_store_go_b", Name: "token_store", Description: "A store of tokens in a store.", Signature: "type TokenStore interface", Boost: 50},
		{Key: "list_go_b", Name: "list", Description: "Lists.", Signature: "func List() error"},
	}))
	for _, query := range []string{"type Store[K any] interface", "type Store[K any] interface { Get(K) }", "type Store[K any", "type Store[", "type Store struct", "type Store[K any]"} {
		if hits := x.Search(ParseQuery(query), Options{}).Hits; len(hits) < 2 || hits[0].Key != "store_go_a" {
			t.Errorf("%s: %s", query, keys(hits))
		}
	}
	if got := keys(x.Search(ParseQuery("func Store(k string) error"), Options{}).Hits); !strings.HasPrefix(got, "store_go_b") {
		t.Errorf("the function: %s", got)
	}
	if got := keys(x.Search(ParseQuery("type List struct"), Options{}).Hits); got != "list_go_b" {
		t.Errorf("a type that only a function's name is like: %s", got)
	}
}

func describe(q Query) string {
	var out []string
	minus := map[bool]string{true: "-"}
	for _, w := range q.Words {
		s := w.Text
		if w.Phrase {
			s = `"` + s + `"`
		}
		if w.Prefix {
			s += "*"
		}
		if w.Type {
			out = append(out, "type ["+w.Text+"]")
			continue
		}
		out = append(out, minus[w.Negated]+"["+s+"]")
	}
	if q.Signature != nil {
		out = append(out, "<"+strings.TrimSuffix(q.Signature.String(), " ...")+">")
	}
	for _, f := range q.Filters {
		out = append(out, minus[f.Negated]+f.Field+"="+f.Value)
	}
	for _, p := range q.Problems {
		out = append(out, fmt.Sprintf("!%s (%s)", p.Message, strings.Join(p.Candidates, " ")))
	}
	return strings.Join(out, " ")
}

// FuzzSearch parses any text as a query and compares the answer to it with the
// oracle's.
func FuzzSearch(f *testing.F) {
	docs := goldenUnits(f)[:30]
	x, o := Build(slices.Values(docs)), newOracle(docs)
	for _, text := range []string{"write file", `"exit code" -http tag:x`, "HTTPServe", "sqlite migrtae conf", "the", "\xff é", `-"`,
		"func(string) error", "(", "a->b", "colour:red", strings.Repeat("a ", 40), "file-write-atomic_go-infra"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		q := ParseQuery(text)
		for _, w := range q.Words {
			if w.Text == "" || !strings.Contains(strings.ToLower(text), strings.ToLower(w.Text)) {
				t.Errorf("word %q is not in %q", w.Text, text)
			}
		}
		for _, fl := range q.Filters {
			if fl.Value == "" || !slices.Contains(Fields(), fl.Field) {
				t.Errorf("filter %+v", fl)
			}
		}
		for _, p := range q.Problems {
			if p.Message == "" {
				t.Errorf("problem %+v without a message", p)
			}
		}
		if len(text) > 80 || q.Signature != nil {
			x.Search(q, Options{})
			return
		}
		if err := compareWithOracle(x, o, text); err != nil {
			t.Errorf("%q: %v", text, err)
		}
	})
}

func TestSpans(t *testing.T) {
	t.Parallel()
	x := Build(slices.Values(goldenUnits(t)))
	// Marked pieces stand between brackets.
	for _, c := range []struct{ query, text, want string }{
		{"retry back", "Retries with BackoffDelay, then retrying.", "[Retries] with [Backoff]Delay, then [retrying]."},
		{"writeatomic", "use file_write_atomic or FileWriteAtomic", "use file_[write_atomic] or File[WriteAtomic]"},
		{"file_write", "file_write, file write, filewrites", "[file_write], [file] [write], [filewrites]"},
		{"sqlite migrtae", "To migrate SQLite", "To [migrate] [SQLite]"},
		{"cuantos", "devuelve cuántos bytes", "devuelve [cuántos] bytes"},
		{`"exit code" -http`, "the exit code of http", "the [exit] [code] of http"},
		{"tag:x", "tag x", "tag x"},
	} {
		res := x.Search(ParseQuery(c.query), Options{})
		got, last := "", 0
		for _, s := range res.Spans(c.text) {
			got += c.text[last:s.Start] + "[" + c.text[s.Start:s.End] + "]"
			last = s.End
		}
		if got += c.text[last:]; got != c.want {
			t.Errorf("%s:\ngot  %s\nwant %s", c.query, got, c.want)
		}
	}
}
