//go:build linux

package bench

import (
	"io/fs"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode"

	"fnregistry.dev/fn_registry/spec"
)

const (
	coldUnits     = 10_000  // number of units for a cold start
	registryUnits = 100_000 // and for everything else
	queries       = 2_000   // timed queries
	ripgreps      = 20      // number of them that ripgrep answers, too
)

// BenchmarkRegistryCold starts registry_api without a cache and waits until it
// is ready.
func BenchmarkRegistryCold(b *testing.B) {
	root := tree(b, units(b, coldUnits), 1, true)
	program(b, "registry_api")
	var s sum
	for b.Loop() {
		r := start(b, root, b.TempDir())
		r.ready(b, 20*time.Millisecond)
		s.add(cost{wall: time.Since(r.began), cpu: r.cpu(b), maxRSS: r.memory(b, "VmHWM")})
		r.stop(b)
	}
	s.report(b)
}

// BenchmarkRegistry starts registry_api on a large tree from its snapshot,
// queries units by two words over HTTP, and lets ripgrep find the files with
// the same two words.
func BenchmarkRegistry(b *testing.B) {
	root, cache := tree(b, units(b, registryUnits), 1, false), b.TempDir()
	c := readCorpus(b, root)
	b.Run("first-start", func(b *testing.B) { c.firstStart(b, cache) })
	if entries, err := os.ReadDir(cache); err != nil || len(entries) == 0 {
		b.Fatalf("no snapshot was written to %s: %v", cache, err)
	}
	b.Run("start", func(b *testing.B) { c.start(b, cache) })
	var query sum
	b.Run("query", func(b *testing.B) { c.query(b, cache, &query) })
	b.Run("ripgrep", func(b *testing.B) { c.ripgrep(b, &query) })
}

// firstStart reads everything and leaves a snapshot for the rest: one run,
// however long the benchmark lasts.
func (c *corpus) firstStart(b *testing.B, cache string) {
	var s sum
	for b.Loop() {
		if s.runs > 0 {
			continue
		}
		r := start(b, c.root, cache)
		r.ready(b, 250*time.Millisecond)
		s.add(cost{wall: time.Since(r.began), cpu: r.cpu(b), maxRSS: r.memory(b, "VmHWM")})
		r.stop(b)
	}
	s.report(b)
}

// start measures the time from process start to the first correct response.
func (c *corpus) start(b *testing.B, cache string) {
	var s sum
	var rss int64
	for b.Loop() {
		r := start(b, c.root, cache)
		waitFor(b, patience, 5*time.Millisecond, "no correct answer", func() bool {
			a, ok := r.search(b, c.name)
			return ok && len(a.Items) > 0 && a.Items[0].ID == c.id
		})
		s.add(cost{wall: time.Since(r.began), cpu: r.cpu(b), maxRSS: r.memory(b, "VmHWM")})
		rss = max(rss, r.memory(b, "VmRSS"))
		r.stop(b)
	}
	s.report(b)
	b.ReportMetric(float64(rss)/1e6, "RSS-MB")
}

// query measures each of the queries, one after the other, on a server that has
// read its snapshot and then checked all files, after a tenth as many warm-up
// queries.
func (c *corpus) query(b *testing.B, cache string, total *sum) {
	r := start(b, c.root, cache)
	r.ready(b, 5*time.Millisecond)
	r.swept(b)
	before := r.memory(b, "VmRSS")
	warmUp := len(c.words) / 10
	for i := range warmUp {
		c.ask(b, r, i)
	}
	var took, ran []time.Duration // by query, on the clock and on processors
	for b.Loop() {
		for i := warmUp; i < len(c.words); i++ {
			began := r.runTime(b)
			took = append(took, c.ask(b, r, i))
			ran = append(ran, r.runTime(b)-began)
		}
	}
	total.runs = len(took)
	for i := range took {
		total.wall += took[i]
		total.cpu += ran[i]
	}
	slices.Sort(took)
	slices.Sort(ran)
	for p, unit := range map[int]string{50: "p50-ms", 99: "p99-ms"} {
		b.ReportMetric(took[len(took)*p/100].Seconds()*1e3, unit)
		b.ReportMetric(ran[len(ran)*p/100].Seconds()*1e3, "cpu-"+unit)
	}
	b.ReportMetric(total.cpu.Seconds()*1e3/float64(total.runs), "cpu-ms/query")
	b.ReportMetric(float64(before)/1e6, "RSS-before-MB")
	b.ReportMetric(float64(r.memory(b, "VmRSS"))/1e6, "RSS-after-MB")
	b.ReportMetric(float64(r.memory(b, "VmHWM"))/1e6, "peak-MB")
	b.ReportMetric(0, "ns/op")
}

// ask sends query i and returns how long the response took. The words occur in
// one unit: it must find at least that.
func (c *corpus) ask(b *testing.B, r *server, i int) time.Duration {
	b.Helper()
	began := time.Now()
	a, ok := r.search(b, c.words[i][0]+" "+c.words[i][1])
	took := time.Since(began)
	if !ok || a.Total == 0 || len(a.Items) == 0 {
		b.Fatalf("%q: %d units, answered %v", c.words[i], a.Total, ok)
	}
	return took
}

// ripgrep lists the specs that contain both words of a query, as whole words in
// any case. xargs exits with 123 if one of the calls that it splits the files
// into finds nothing.
func (c *corpus) ripgrep(b *testing.B, query *sum) {
	var s sum
	i := 0
	for b.Loop() {
		for range ripgreps {
			w := c.words[i%len(c.words)]
			i++
			cmd := exec.Command("sh", "-c", `rg -lwiF0 -g '*.md' -e "$0" "$2" | xargs -0 -r rg -lwiF -e "$1" || test $? = 123`, w[0], w[1], c.root)
			got := run(b, cmd)
			if !strings.Contains(got.output, ".md\n") {
				b.Fatalf("ripgrep finds no spec with %q: %s", w, got.output)
			}
			s.add(got)
		}
	}
	s.report(b)
	s.times(b, query, "query")
}

// corpus is the source of the queries.
type corpus struct {
	root     string
	name, id string      // of a unit
	words    [][2]string // each pair from the description of some unit
}

// readCorpus draws the queries with a fixed seed.
func readCorpus(b *testing.B, root string) *corpus {
	b.Helper()
	var specs []string
	err := filepath.WalkDir(filepath.Join(root, "functions"), func(path string, e fs.DirEntry, err error) error {
		if strings.HasSuffix(path, ".md") {
			specs = append(specs, path)
		}
		return err
	})
	if err != nil {
		b.Fatal(err)
	}
	c := &corpus{root: root}
	r := rand.New(rand.NewPCG(7, 7))
	for len(c.words) < queries*11/10 {
		file := specs[r.IntN(len(specs))]
		src, err := os.ReadFile(file)
		if err != nil {
			b.Fatal(err)
		}
		s := spec.Parse(file, src).Spec
		words := wordsOf(s.Description)
		if len(words) < 2 {
			continue
		}
		r.Shuffle(len(words), func(i, j int) { words[i], words[j] = words[j], words[i] })
		c.words = append(c.words, [2]string(words[:2]))
		c.name, c.id = strings.ReplaceAll(s.Name, "_", " "), s.ID()
	}
	return c
}

// wordsOf lists the distinct words of a text that someone might search for: no
// short ones, and no stop words.
func wordsOf(text string) []string {
	words := strings.FieldsFunc(
		strings.ToLower(text),
		func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsDigit(r) },
	)
	words = slices.DeleteFunc(words, func(w string) bool { return len(w) < 4 || slices.Contains(empty, w) })
	slices.Sort(words)
	return slices.Compact(words)
}

var empty = strings.Fields("been does from have into that their them then there these they this those were what when where which while will with would your")
