package search

import (
	"errors"
	"math"
	"reflect"
	"slices"
	"strings"
	"testing"
)

func keys(hits []Hit) string {
	var out []string
	for _, h := range hits {
		out = append(out, h.Key)
	}
	return strings.Join(out, " ")
}

func TestEmptyIndex(t *testing.T) {
	t.Parallel()
	for name, x := range map[string]*Index{"zero": new(Index), "built": Build(slices.Values([]Doc(nil))),
		"emptied": Build(slices.Values([]Doc{{Key: "a"}})).Update([]string{"a"}, nil)} {
		for _, text := range []string{"", "a", "a b", `"a b"`, "-a", "func(_) error"} {
			if res := x.Search(ParseQuery(text), Options{}); x.Len() != 0 || res.Total != 0 || len(res.Hits) != 0 || res.Partial {
				t.Errorf("%s: %q finds %+v", name, text, res)
			}
		}
		if m, err := x.Similar(Draft{Name: "a", Signature: "func()"}, 0); err != nil || len(m) != 0 {
			t.Errorf("%s: similar finds %v, %v", name, m, err)
		}
		if got := reload(t, x).Update(nil, []Doc{{Key: "b", Name: "b"}}).Search(ParseQuery("b"), Options{}); keys(got.Hits) != "b" {
			t.Errorf("%s: after an update: %+v", name, got)
		}
	}
}

func TestBoosts(t *testing.T) {
	t.Parallel()
	docs := []Doc{
		{Key: "a", Name: "read_file", Description: "Reads a file."},
		{Key: "b", Name: "read_line", Description: "Reads a file.", Boost: 50},
		{Key: "c", Name: "read_line", Description: "Reads a file.", Boost: 5},
		{Key: "d", Name: "read_line", Description: "Reads a file.", Boost: math.NaN()},
		{Key: "e", Name: "other", Body: "It can read a file.", Boost: math.Inf(1)},
		{Key: "f", Name: "read_line", Description: "Reads a file.", Boost: -3},
	}
	x := Build(slices.Values(docs))
	order := func(x *Index, text string) string { return keys(x.Search(ParseQuery(text), Options{}).Hits) }
	// Use breaks ties; it does not raise a mention in a body above a name, nor
	// anything above the exact name.
	if got := order(x, "line"); got != "b c d f" {
		t.Errorf("line: %s", got)
	}
	if got := order(x, "read"); got != "b c a d f e" {
		t.Errorf("read: %s", got)
	}
	if got := order(x, "read file"); got[0] != 'a' || got[len(got)-1] != 'e' {
		t.Errorf("read file: %s", got)
	}
	asked := 0
	y := x.WithBoosts(func(key string) float64 {
		asked++
		return map[string]float64{"c": 9, "f": 99}[key]
	})
	if got := order(y, "line"); got != "f c b d" || asked != len(docs) {
		t.Errorf("line with new boosts: %s (%d calls)", got, asked)
	}
	if got := order(reload(t, y), "line"); got != "f c b d" {
		t.Errorf("line, reloaded: %s", got)
	}
	if got := order(x, "line"); got != "b c d f" {
		t.Errorf("the old index changed: %s", got)
	}
}

func TestLastOfSameKey(t *testing.T) {
	t.Parallel()
	docs := []Doc{{Key: "a", Name: "one"}, {Key: "b", Name: "two"}, {Key: "a", Name: "three"}}
	for name, x := range map[string]*Index{
		"build": Build(slices.Values(docs)), "update": new(Index).Update(nil, docs),
		"update of a build": Build(slices.Values(docs[:2])).Update([]string{"a"}, docs[2:]),
	} {
		if x.Len() != 2 || x.Search(ParseQuery("one"), Options{}).Total != 0 || x.Search(ParseQuery("three"), Options{}).Total != 1 {
			t.Errorf("%s: %d units", name, x.Len())
		}
	}
}

// TestForgivesWhereUnknown checks when typos are tolerated: only if no unit has
// the word, in any form, and the thesaurus has no synonym for it.
func TestForgivesWhereUnknown(t *testing.T) {
	t.Parallel()
	x := Build(slices.Values([]Doc{{Key: "near", Name: "mautric"}, {Key: "headers", Name: "headers"}, {Key: "servers", Name: "servers"}}))
	for _, c := range []struct {
		word  string
		loose bool
		units int
	}{
		{"mautrix", true, 1}, {"mautric", false, 1}, {"mautrics", false, 1}, {"headlers", true, 1},
		{"headless", false, 1}, // servers have no screen
	} {
		res := x.Search(Query{Words: []Word{{Text: c.word}}}, Options{})
		if res.Words[0].Loose != c.loose || res.Total != c.units {
			t.Errorf("%s: %d found, %+v", c.word, res.Total, res.Words)
		}
	}
	x = x.Update(nil, []Doc{{Key: "far", Body: "mautrix"}})
	if res := x.Search(Query{Words: []Word{{Text: "mautrix"}}}, Options{}); res.Words[0].Loose || res.Total != 1 {
		t.Errorf("a unit has it: %d found, %+v", res.Total, res.Words)
	}
}

// TestUpdateStaysSmall checks that removed units and small parts do not
// accumulate.
func TestUpdateStaysSmall(t *testing.T) {
	t.Parallel()
	docs := goldenUnits(t)
	x := Build(slices.Values(docs))
	for i := range 1000 {
		x = x.Update(nil, docs[i*17%len(docs):][:1])
		if len(x.parts) > 6 || 2*x.slots > 3*x.live+10 {
			t.Fatalf("after %d updates: %d parts, %d units of which %d are removed", i+1, len(x.parts), x.slots, x.slots-x.live)
		}
	}
	if x.Len() != len(docs) {
		t.Errorf("%d units, want %d", x.Len(), len(docs))
	}
	for i, d := range docs[1:] {
		if x = x.Update([]string{d.Key}, nil); x.live != len(docs)-1-i || 2*x.slots > 3*x.live+10 {
			t.Fatalf("after %d removals: %d units and %d removed ones", i+1, x.live, x.slots-x.live)
		}
	}
}

func TestAccept(t *testing.T) {
	t.Parallel()
	x := Build(slices.Values(goldenUnits(t)))
	for _, text := range []string{"", "http", "http json", "func(_) _", "sqlite websocket"} {
		q := ParseQuery(text)
		all := x.Search(q, everything)
		want := slices.DeleteFunc(slices.Clone(all.Hits), func(h Hit) bool { return !strings.HasSuffix(h.Key, "_infra") })
		asked := map[string]bool{}
		got := x.Search(q, Options{Limit: 100, Accept: func(key string) bool {
			if asked[key] {
				t.Errorf("%q: asked twice for %s", text, key)
			}
			asked[key] = true
			return strings.HasSuffix(key, "_infra")
		}})
		// Without the others, more of the rest may be worth listing, at the
		// end.
		if len(got.Hits) < len(want) || !reflect.DeepEqual(got.Hits[:len(want)], want) || got.Total != len(got.Hits) {
			t.Errorf("%q: got %s, want %s", text, keys(got.Hits), keys(want))
		}
	}
	// Refused units that have all words leave room for units that have some.
	none := x.Search(ParseQuery("cron next"), Options{Accept: func(key string) bool { return key == "cron_service_go_infra" }})
	if !none.Partial || keys(none.Hits) != "cron_service_go_infra" {
		t.Errorf("got %+v", none)
	}
}

func TestSignatureOrder(t *testing.T) {
	t.Parallel()
	// From the exact shape to ever less of it.
	signatures := []string{
		"func(a string, n int) error",
		"func(n int, a string) error",
		"func(ctx context.Context, a string, n int) error",
		"func(a string, n int, b bool) error",
		"func(a string, n int, b, c bool) error",
		"func(a string, n any, b, c bool) error",
		"func(a string) error",
		"func(a string, n uint) error",
	}
	var docs []Doc
	for i, s := range signatures {
		docs = append(docs, Doc{Key: string(rune('a' + i)), Signature: strings.Replace(s, "func", "func F", 1)})
	}
	docs[4].Boost = 1e6 // use does not outrank shape
	x := Build(slices.Values(docs))
	if got := keys(x.Search(ParseQuery("func(string, int) error"), Options{}).Hits); got != "a b c d e f" {
		t.Errorf("got %s", got)
	}
	if got := x.Search(ParseQuery("func(string, int) error"), Options{}).Hits[0].Score; got < 0.99 {
		t.Errorf("the exact shape scores %v", got)
	}
	sig, err := ParseSignature("(string) -> error")
	if err != nil {
		t.Fatal(err)
	}
	// In the given order the type parameters don't fit together; in another
	// order they do.
	swapped := Build(slices.Values([]Doc{{Key: "s", Signature: "func F[T, U any](a, b T, c U)"}}))
	if got := swapped.Search(ParseQuery("func(T, U, T)"), Options{}); got.Total != 1 || got.Hits[0].Score > scoreReordered {
		t.Errorf("type parameters in another order: %+v", got.Hits)
	}
	both := x.Update(nil, []Doc{{Key: "w", Name: "word", Signature: "func F(a string) error"}, {Key: "v", Name: "word"}})
	if got := keys(both.Search(Query{Words: []Word{{Text: "word"}}, Signature: &sig}, Options{}).Hits); got != "w" {
		t.Errorf("word and signature: %s", got)
	}
}

func TestSimilar(t *testing.T) {
	t.Parallel()
	x := Build(slices.Values(goldenUnits(t)))
	if _, err := x.Similar(Draft{Name: "a", Signature: "nonsense"}, 5); !errors.Is(err, ErrSignature) {
		t.Errorf("got %v", err)
	}
	for _, d := range goldenUnits(t) {
		// Every unit is most similar to itself.
		draft := Draft{Name: d.Name, Description: d.Description, Tags: d.Tags}
		if strings.HasPrefix(d.Signature, "func") {
			draft.Signature = d.Signature
		}
		m, err := x.Similar(draft, 3)
		if err != nil || len(m) == 0 || m[0].Key != d.Key || m[0].Score < 0.95 || m[0].Score > 1.0001 || len(m[0].Words) == 0 {
			t.Errorf("%s: %+v, %v", d.Key, m, err)
			continue
		}
		if draft.Signature != "" && !m[0].SameShape() {
			t.Errorf("%s: shape %v", d.Key, m[0].Shape)
		}
	}
	if m, err := x.Similar(Draft{Description: strings.Repeat("writes files to http servers ", 500)}, 1000); err != nil || len(m) == 0 {
		t.Errorf("%d, %v", len(m), err)
	}
}
