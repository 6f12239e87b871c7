package search

import (
	"bytes"
	"fmt"
	"iter"
	"math/rand/v2"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

const (
	benchUnits = 100_000
	benchWords = 30_000
	unitWords  = 200 // in params and body; name, description and tags add about 30
)

// vocabulary makes words of syllables, the shorter ones more frequent, as in a
// language.
func vocabulary(r *rand.Rand) []string {
	const consonants, vowels = "bcdfghklmnprstvwz", "aeiou"
	seen := map[string]bool{}
	var words []string
	for len(words) < benchWords {
		var b []byte
		for range 1 + len(words)/3000%3 + r.IntN(3) {
			b = append(b, consonants[r.IntN(len(consonants))], vowels[r.IntN(len(vowels))])
			if r.IntN(3) == 0 {
				b = append(b, consonants[r.IntN(len(consonants))])
			}
		}
		if len(b) > 2 && !seen[string(b)] {
			seen[string(b)] = true
			words = append(words, string(b))
		}
	}
	return words
}

// corpus generates the units of the benchmarks.
type corpus struct {
	words []string
	rand  *rand.Rand
	zipf  *rand.Zipf
}

func newCorpus() *corpus {
	r := rand.New(rand.NewPCG(1, 2))
	return &corpus{words: vocabulary(r), rand: r, zipf: rand.NewZipf(r, 1.07, 4, benchWords-1)}
}

func (c *corpus) word() string { return c.words[c.zipf.Uint64()] }

func (c *corpus) text(n int) string {
	var b strings.Builder
	for range n {
		b.WriteString(c.word())
		b.WriteByte(' ')
	}
	return b.String()
}

var benchTypes = []string{"string", "int", "[]byte", "*sql.DB", "io.Reader", "time.Duration", "http.Handler", "[]string",
	"*mautrix.Client", "map[string]any", "func(T) bool", "[]T", "bool", "id.RoomID", "*slog.Logger"}

func (c *corpus) docs(n int) iter.Seq[Doc] {
	return func(yield func(Doc) bool) {
		for i := range n {
			name := fmt.Sprintf("%s_%s_%s", c.word(), c.words[c.rand.IntN(benchWords)], c.word())
			pick := func() string { return benchTypes[c.rand.IntN(len(benchTypes))] }
			symbol := fmt.Sprintf("Unit%d", i)
			d := Doc{
				Key: fmt.Sprintf("%s_%d_go_infra", name, i), Name: name,
				Tags:        strings.Fields(c.text(5)),
				Description: c.text(22), Params: c.text(unitWords / 3), Body: c.text(unitWords - unitWords/3),
				Signature: fmt.Sprintf("func %s(ctx context.Context, a %s, b %s, cfg %sConfig) (%s, error)", symbol, pick(),
					pick(), symbol, pick()),
				Boost: float64(c.rand.IntN(20)),
			}
			if i%3 == 0 {
				d.Signature = fmt.Sprintf("func %s(a %s, b %s) (%s, error)", symbol, pick(), pick(), pick())
			}
			if !yield(d) {
				return
			}
		}
	}
}

var benchDocs = sync.OnceValue(func() []Doc { return slices.Collect(newCorpus().docs(benchUnits)) })

var benchIndex = sync.OnceValue(func() *Index { return Build(slices.Values(benchDocs())) })

// benchQueries makes queries of n words that occur together in some unit, so
// that frequent words are queried often.
func benchQueries(n int) []Query {
	r := rand.New(rand.NewPCG(3, 4))
	out := make([]Query, 500)
	for i := range out {
		d := benchDocs()[r.IntN(benchUnits)]
		words := strings.Fields(d.Description + d.Body)
		var text []string
		for range n {
			text = append(text, words[r.IntN(len(words))])
		}
		out[i] = ParseQuery(strings.Join(text, " "))
	}
	return out
}

// latencies runs do for every query in turn and reports percentiles in
// milliseconds.
func latencies(b *testing.B, queries []Query, do func(Query)) {
	b.Helper()
	var took []time.Duration
	i := 0
	for b.Loop() {
		start := time.Now()
		do(queries[i%len(queries)])
		took = append(took, time.Since(start))
		i++
	}
	slices.Sort(took)
	at := func(p float64) float64 { return float64(took[int(p*float64(len(took)-1))].Microseconds()) / 1000 }
	b.ReportMetric(at(0.5), "p50-ms")
	b.ReportMetric(at(0.99), "p99-ms")
}

func BenchmarkSearch(b *testing.B) {
	x := benchIndex()
	words := newCorpus().words
	one := func(text string) []Query { return []Query{ParseQuery(text)} }
	typos := benchQueries(1)
	for i := range typos {
		w := typos[i].Words[0].Text
		typos[i] = ParseQuery(w[:len(w)/2] + "xq"[i%2:i%2+1] + w[len(w)/2:] + "zz"[:len(w)/8])
	}
	for _, c := range []struct {
		name    string
		queries []Query
	}{
		{"OneWord", benchQueries(1)}, {"TwoWords", benchQueries(2)}, {"FourWords", benchQueries(4)},
		{"RareWord", one(words[benchWords-10])}, {"FrequentTwoWords", one(words[0] + " " + words[1])},
		{"Typo", typos}, {"Prefix1", one("s")}, {"Prefix2", one("ma")}, {"Prefix3", one("mar")},
		{"Phrase", one(`"` + words[0] + " " + words[1] + `"`)},
		{"Signature", one("func(context.Context, *sql.DB) error")}, {"SignatureHoles", one("func(_, _) (_, error)")},
		{"SignatureGeneric", one("func([]int, func(int) bool) []int")}, {"SignatureTyped", one("func(context.Context, *sql.")},
		{"Everything", one("")},
	} {
		b.Run(c.name, func(b *testing.B) {
			latencies(b, c.queries, func(q Query) { x.Search(q, Options{}) })
		})
	}
	b.Run("TwoWordsFiltered", func(b *testing.B) {
		latencies(b, benchQueries(2), func(q Query) {
			x.Search(q, Options{Accept: func(key string) bool { return key[len(key)-1] == 'a' }})
		})
	})
}

// BenchmarkScan measures a two-word search without an index: scanning the text
// of every unit, as grep does. Compared with BenchmarkSearch/TwoWords its p50
// shows what the index gains.
func BenchmarkScan(b *testing.B) {
	var texts []string
	for _, d := range benchDocs() {
		texts = append(texts, strings.Join([]string{d.Name, d.Description, d.Params, d.Body}, " "))
	}
	latencies(b, benchQueries(2), func(q Query) {
		n := 0
		for _, t := range texts {
			if strings.Contains(t, q.Words[0].Text) && strings.Contains(t, q.Words[1].Text) {
				n++
			}
		}
		if n == 0 {
			b.Fatal("nothing found")
		}
	})
}

func BenchmarkSimilar(b *testing.B) {
	x := benchIndex()
	d := benchDocs()[benchUnits/2]
	draft := Draft{Name: d.Name, Description: d.Description, Tags: d.Tags, Signature: d.Signature}
	for b.Loop() {
		if m, err := x.Similar(draft, 5); err != nil || len(m) == 0 || m[0].Key != d.Key {
			b.Fatal(m, err)
		}
	}
}

func BenchmarkBuild(b *testing.B) {
	docs := benchDocs()
	for b.Loop() {
		x := Build(slices.Values(docs))
		b.ReportMetric(float64(x.Size())/1e6, "MB")
		b.ReportMetric(float64(x.Size())/float64(x.Len()), "B/unit")
	}
}

func BenchmarkLoad(b *testing.B) {
	var buf bytes.Buffer
	if _, err := benchIndex().WriteTo(&buf); err != nil {
		b.Fatal(err)
	}
	b.SetBytes(int64(buf.Len()))
	for b.Loop() {
		if _, err := Load(buf.Bytes()); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkUpdate replaces one unit repeatedly; p99 includes the merges.
func BenchmarkUpdate(b *testing.B) {
	x, docs := benchIndex(), benchDocs()
	i := 0
	latencies(b, []Query{{}}, func(Query) {
		x = x.Update(nil, docs[i*7919%benchUnits:][:1])
		i++
	})
	if x.Len() != benchUnits {
		b.Fatalf("%d units", x.Len())
	}
}

func BenchmarkWithBoosts(b *testing.B) {
	x := benchIndex()
	for b.Loop() {
		x.WithBoosts(func(key string) float64 { return float64(len(key)) })
	}
}

// BenchmarkMemory reports what the garbage collector sees of an index.
func BenchmarkMemory(b *testing.B) {
	x := benchIndex()
	var buf bytes.Buffer
	if _, err := x.WriteTo(&buf); err != nil {
		b.Fatal(err)
	}
	heap := func() uint64 {
		var m runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&m)
		return m.HeapAlloc
	}
	for b.Loop() {
		before := heap()
		y, err := Load(bytes.Clone(buf.Bytes()))
		if err != nil {
			b.Fatal(err)
		}
		b.ReportMetric(float64(heap()-before)/1e6, "heap-MB")
		runtime.KeepAlive(y)
	}
}
