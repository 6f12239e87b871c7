package search

import (
	"bytes"
	"fmt"
	"maps"
	"math"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"testing"
)

// smallWords are few and similar, so that random units and queries share words,
// stems, prefixes and near misses.
var smallWords = strings.Fields(`write writes writing written writer file files filter filtering atomic retry retries
	retried event events sync synced cache caches caching process processes the of to SQLite DuckDB httpServe
	FileWrite write-atomic file_lock matrix metric metrics backoff back off é cafe naïve sha-256 sha256 x`)

var smallTypes = []string{"string", "int", "error", "[]byte", "context.Context", "*sql.DB", "DB", "T", "[]T", "any", "func(T) bool",
	"map[string]T", "...string", "Config", "*a.Config", "<-chan Event"}

func randomText(r *rand.Rand, n int) string {
	words := make([]string, r.IntN(n+1))
	for i := range words {
		words[i] = smallWords[r.IntN(len(smallWords))]
	}
	return strings.Join(words, " ")
}

func randomDoc(r *rand.Rand, keys int) Doc {
	var parts []string
	for range 1 + r.IntN(4) {
		parts = append(parts, strings.ToLower(smallWords[r.IntN(len(smallWords))]))
	}
	pick := func() string { return smallTypes[r.IntN(len(smallTypes))] }
	name := strings.Join(parts, "_")
	return Doc{
		Key:         fmt.Sprintf("%s_%d", name[:1], r.IntN(keys)),
		Name:        name,
		Tags:        strings.Fields(randomText(r, 3)),
		Description: randomText(r, 12),
		Params:      randomText(r, 6),
		Body:        randomText(r, 10),
		Signature:   fmt.Sprintf("func F[T any](a %s, b %s) (%s, %s)", pick(), pick(), pick(), pick()),
		Boost:       float64(r.IntN(3)) * 10,
	}
}

func randomDocs(r *rand.Rand, n, keys int) []Doc {
	docs := make([]Doc, n)
	for i := range docs {
		docs[i] = randomDoc(r, keys)
	}
	return docs
}

// randomQuery makes words, truncated, misspelt, quoted, negated.
func randomQuery(r *rand.Rand) string {
	var out []string
	for range 1 + r.IntN(3) {
		w := smallWords[r.IntN(len(smallWords))]
		switch r.IntN(8) {
		case 0:
			w = w[:1+r.IntN(len(w))]
		case 1:
			i := r.IntN(len(w))
			w = w[:i] + "q" + w[i:]
		case 2:
			if i := r.IntN(len(w)); i > 0 {
				w = w[:i-1] + w[i:i+1] + w[i-1:i] + w[i+1:]
			}
		case 3:
			w = `"` + w + " " + smallWords[r.IntN(len(smallWords))] + `"`
		case 4:
			w = "-" + w
		case 5:
			w += smallWords[r.IntN(len(smallWords))]
		}
		out = append(out, w)
	}
	return strings.Join(out, " ")
}

var everything = Options{Limit: math.MaxInt}

// TestSearchAgainstOracle compares the index with a search that scans every
// unit: both find the same units, in the same fields, in the right tier.
func TestSearchAgainstOracle(t *testing.T) {
	t.Parallel()
	for seed := range uint64(25) {
		r := rand.New(rand.NewPCG(seed, 1))
		docs := randomDocs(r, 1+r.IntN(80), 60)
		x, o := Build(slices.Values(docs)), newOracle(docs)
		if x.Len() != len(o.units) {
			t.Fatalf("seed %d: %d units, want %d", seed, x.Len(), len(o.units))
		}
		for range 60 {
			text := randomQuery(r)
			if err := compareWithOracle(x, o, text); err != nil {
				t.Fatalf("seed %d, query %q: %v", seed, text, err)
			}
		}
	}
}

func compareWithOracle(x *Index, o *oracle, text string) error {
	q := ParseQuery(text)
	res := x.Search(q, everything)
	want, partial := o.search(q)
	if res.Total != len(res.Hits) || res.Partial != partial {
		return fmt.Errorf("total %d of %d hits, partial %v, want %v", res.Total, len(res.Hits), res.Partial, partial)
	}
	got := map[string]bool{}
	for i, h := range res.Hits {
		w, ok := want[h.Key]
		if !ok || got[h.Key] {
			return fmt.Errorf("%s found twice or wrongly", h.Key)
		}
		got[h.Key] = true
		if h.Fields != w.fields || i < maxExplained && len(res.Words) > 0 && h.Full != w.must {
			return fmt.Errorf("%s: fields %s, want %s; full %v, want %v", h.Key, h.Fields, w.fields, h.Full, w.must)
		}
		if i > 0 && (res.Hits[i-1].Score < h.Score || res.Hits[i-1].Score == h.Score && res.Hits[i-1].Key >= h.Key) {
			return fmt.Errorf("%s out of order", h.Key)
		}
	}
	for key, w := range want {
		if w.must && !got[key] {
			return fmt.Errorf("%s not found", key)
		}
	}
	return compareWithAll(x, o, q, res)
}

// compareWithAll rates every unit, where Search skips words that alone can't
// bring a unit onto the list.
func compareWithAll(x *Index, o *oracle, q Query, res Result) error {
	r := &ranker{index: x}
	defer r.release()
	for _, w := range o.separate(analyze(q.Words)) {
		if l := w.find(x); w.Negated {
			r.not = append(r.not, l)
		} else {
			r.add(w, l)
		}
	}
	r.exact = x.findWhole(q.Words)
	var all []rated
	var best rated
	x.eachLive(func(doc int) {
		exact := r.exact != nil && r.exact.cells[doc].value > 0
		if v := r.rate(doc); !r.refused(doc) && (v.words > 0 || len(r.words) == 0 || exact) {
			all = append(all, v)
			best.cover = max(best.cover, v.cover)
		}
	})
	n := 0
	for _, v := range all {
		if r.listed(v, best) {
			n++
		}
	}
	if n != res.Total {
		return fmt.Errorf("%d units found, of all there are %d", res.Total, n)
	}
	return nil
}

// answers collects an index's answers to a set of queries.
func answers(x *Index, seed uint64) string {
	r := rand.New(rand.NewPCG(seed, 2))
	var b strings.Builder
	for range 40 {
		text := randomQuery(r)
		res := x.Search(ParseQuery(text), everything)
		fmt.Fprintln(&b, text, res.Hits, res.Total, res.Partial, res.Words)
	}
	for range 20 {
		pick := func() string { return smallTypes[r.IntN(len(smallTypes))] }
		text := fmt.Sprintf("func(%s, %s) (%s, _)", pick(), pick(), pick())
		res := x.Search(ParseQuery(text), everything)
		fmt.Fprintln(&b, text, res.Hits)
		m, err := x.Similar(Draft{Name: randomText(r, 2), Description: randomText(r, 9), Signature: text}, 10)
		fmt.Fprintln(&b, m, err)
	}
	return b.String()
}

// TestUpdateIsBuild builds an index by many updates; it must answer like one
// that is built at once.
func TestUpdateIsBuild(t *testing.T) {
	t.Parallel()
	for seed := range uint64(25) {
		r := rand.New(rand.NewPCG(seed, 3))
		x := new(Index)
		now := map[string]Doc{}
		for range 30 {
			var removed []string
			for key := range now {
				if r.IntN(10) == 0 {
					removed = append(removed, key)
				}
			}
			removed = append(removed, "no such key")
			added := randomDocs(r, r.IntN(9), 30)
			x = x.Update(removed, added)
			for _, key := range removed {
				delete(now, key)
			}
			for _, d := range added {
				now[d.Key] = d
			}
		}
		fresh := Build(maps.Values(now))
		if x.Len() != len(now) || fresh.Len() != len(now) {
			t.Fatalf("seed %d: %d and %d units, want %d", seed, x.Len(), fresh.Len(), len(now))
		}
		if got, want := answers(x, seed), answers(fresh, seed); got != want {
			t.Fatalf("seed %d: updated and fresh index differ: %s", seed, firstDifference(want, got))
		}
		if again := reload(t, x); answers(again, seed) != answers(x, seed) {
			t.Fatalf("seed %d: loaded index differs", seed)
		}
	}
}

func reload(t *testing.T, x *Index) *Index {
	t.Helper()
	var b bytes.Buffer
	n, err := x.WriteTo(&b)
	if err != nil || n != int64(b.Len()) {
		t.Fatalf("wrote %d of %d bytes: %v", n, b.Len(), err)
	}
	y, err := Load(b.Bytes())
	if err != nil {
		t.Fatal(err)
	}
	return y
}

// TestUpdateLeavesOld checks that an index answers as before while newer ones
// are derived from it.
func TestUpdateLeavesOld(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(7, 7))
	x := Build(slices.Values(randomDocs(r, 60, 60)))
	before := answers(x, 1)
	done := make(chan string)
	go func() { done <- answers(x, 1) }()
	y := x
	for range 40 {
		y = y.Update([]string{randomDoc(r, 60).Key}, randomDocs(r, 3, 60)).WithBoosts(func(string) float64 { return 5 })
	}
	if during := <-done; during != before || answers(x, 1) != before {
		t.Fatal("the old index answers differently than before")
	}
}

func TestPagesFitTogether(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(5, 5))
	x := Build(slices.Values(randomDocs(r, 200, 400)))
	for _, text := range []string{"", "write", "file event", "func(_, _)"} {
		q := ParseQuery(text)
		all := x.Search(q, everything)
		if all.Total < 20 {
			t.Fatalf("%q: only %d", text, all.Total)
		}
		var paged []Hit
		for offset := 0; offset < all.Total; offset += 7 {
			page := x.Search(q, Options{Limit: 7, Offset: offset})
			if page.Total != all.Total {
				t.Fatalf("%q: total %d, then %d", text, all.Total, page.Total)
			}
			paged = append(paged, page.Hits...)
		}
		if !reflect.DeepEqual(paged, all.Hits) {
			t.Errorf("%q: pages differ from the whole", text)
		}
		if past := x.Search(q, Options{Offset: all.Total + 5}); len(past.Hits) != 0 || past.Total != all.Total {
			t.Errorf("%q: %d hits past the end", text, len(past.Hits))
		}
	}
}
