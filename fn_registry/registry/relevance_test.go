package registry

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

var updateGolden = flag.Bool("update", false, "rewrite testdata/relevance/golden.txt")

// TestRelevance asks this repository's own registry for what people and agents
// need, in their words. The data are under testdata/relevance: the search was
// tuned on the files that end in _dev; those that end in _held were only
// counted. The needs_random and needs_newer files say at their head how they
// were drawn. golden.txt has, for each query, the rank of the unit that is
// wanted and the first three.
func TestRelevance(t *testing.T) {
	t.Parallel()
	s := ownRegistry(t)
	golden := readGolden(t)
	var now []string
	for _, half := range []string{"dev", "held"} {
		random := pairs(t, "needs_random_"+half)
		now = append(now, golden.check(t, s, "random needs, "+half, random, 0.50, 0.75)...)
		newer := pairs(t, "needs_newer_"+half)
		now = append(now, golden.check(t, s, "needs of newer units, "+half, newer, 0.50, 0.75)...)
		needs := pairs(t, "needs_"+half)
		signatures := pairs(t, "signatures_"+half)
		now = append(now, golden.check(t, s, "needs, "+half, needs, 0.86, 0.97)...)
		now = append(now, golden.check(t, s, "signatures, "+half, signatures, 0.85, 0.90)...)
		checkAdvice(t, s, half, slices.Concat(needs, random, newer))
		checkUnfulfilled(t, s, half)
	}
	ids := make([]string, 0, len(s.units))
	for _, u := range s.units {
		ids = append(ids, u.ID)
	}
	golden.checkUnits(t, ids)
	if *updateGolden {
		text := goldenHead + strings.Join(now, "") + goldenUnits + strings.Join(ids, "\n") + "\n"
		if err := os.WriteFile(goldenPath, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

// ownRegistry opens the registry of this repository.
func ownRegistry(t *testing.T) *State {
	t.Helper()
	r, err := Open(t.Context(), Options{Roots: []string{"../.."}, NoCache: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { r.Close() })
	return r.State()
}

// pairs reads a file of lines with two columns. Lines that begin with #
// describe the origin of the data.
func pairs(t *testing.T, name string) [][2]string {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("testdata", "relevance", name+".tsv"))
	if err != nil {
		t.Fatal(err)
	}
	var all [][2]string
	for line := range strings.Lines(string(data)) {
		if strings.HasPrefix(line, "#") {
			continue
		}
		first, second, _ := strings.Cut(strings.TrimRight(line, "\n"), "\t")
		all = append(all, [2]string{first, second})
	}
	return all
}

const goldenHead = `# What this repository's registry finds: for each query the rank of the unit
# that is wanted (0: not among the first ten), and the first three. A rank that
# gets worse fails the test, and so does a unit that the list at the end lacks.
# go test -run Relevance -update ./registry writes it. Before that, look at what
# a new unit has pushed down: its description may say what others do. A need or a
# draft that it fulfils goes into the .tsv files.
`

const goldenUnits = "\n== units\n"

var goldenPath = filepath.Join("testdata", "relevance", "golden.txt")

// golden holds the content of golden.txt.
type golden struct {
	ranks map[string]int // by section and query
	units []string       // all units at the time, in order
}

// checkUnits fails if golden.txt was written with other units than today's: its
// ranks are then outdated.
func (g golden) checkUnits(t *testing.T, ids []string) {
	t.Helper()
	if *updateGolden || slices.Equal(g.units, ids) {
		return
	}
	in := func(from []string) func(id string) bool {
		return func(id string) bool { return slices.Contains(from, id) }
	}
	t.Errorf("golden.txt was written without %v and with %v, which is not there; its head says what to do",
		slices.DeleteFunc(slices.Clone(ids), in(g.units)), slices.DeleteFunc(slices.Clone(g.units), in(ids)))
}

func readGolden(t *testing.T) golden {
	t.Helper()
	data, err := os.ReadFile(goldenPath)
	if err != nil {
		t.Fatal(err)
	}
	ranks, section := map[string]int{}, ""
	text, list, _ := strings.Cut(string(data), goldenUnits)
	for line := range strings.Lines(text) {
		line = strings.TrimRight(line, "\n")
		if name, ok := strings.CutPrefix(line, "== "); ok {
			section, _, _ = strings.Cut(name, ":")
		}
		var n int
		if rest, ok := strings.CutPrefix(line, "? "); ok {
			number, query, _ := strings.Cut(rest, " ")
			if _, err := fmt.Sscan(number, &n); err != nil {
				t.Fatalf("golden.txt: %s", line)
			}
			ranks[section+query] = n
		}
	}
	return golden{ranks, strings.Fields(list)}
}

// check runs all queries, and compares the ranks of the wanted units with the
// golden ones, and the shares that are first and among the first three.
func (g golden) check(t *testing.T, s *State, section string, queries [][2]string, first, inThree float64) []string {
	t.Helper()
	var lines []string
	ones, threes := 0.0, 0.0
	for _, p := range queries {
		ids := findIDs(t, s, p[0])
		n := rank(ids[:min(10, len(ids))], p[1])
		if n == 1 {
			ones++
		}
		if 0 < n && n <= 3 {
			threes++
		}
		if was, ok := g.ranks[section+p[0]]; !*updateGolden && (!ok || worse(n, was)) {
			t.Errorf("%s: %s is at rank %d, was at %d; first are %v", p[0], p[1], n, was, ids[:min(3, len(ids))])
		}
		lines = append(
			lines,
			fmt.Sprintf("? %d %s\n    wanted %s\n    %s\n", n, p[0], p[1], strings.Join(ids[:min(3, len(ids))], " ")),
		)
	}
	all := float64(len(queries))
	report := fmt.Sprintf("%s: first %.0f of %.0f, in three %.0f", section, ones, all, threes)
	t.Log(report)
	if ones < first*all || threes < inThree*all {
		t.Errorf("%s; want %.2f and %.2f", report, first, inThree)
	}
	return append([]string{"\n== " + report + "\n"}, lines...)
}

// worse reports whether a rank is worse than another; 0 is the worst.
func worse(n, was int) bool { return was > 0 && (n == 0 || n > was) }

// rank returns the position of the first wanted unit among the IDs, from 1; 0
// if there is none.
func rank(ids []string, wanted string) int {
	return 1 + slices.IndexFunc(ids, func(id string) bool { return slices.Contains(strings.Split(wanted, ","), id) })
}

func findIDs(t *testing.T, s *State, query string) []string {
	t.Helper()
	page, err := s.Find(Query{Text: query, Limit: 30})
	if err != nil {
		t.Fatalf("%s: %v", query, err)
	}
	var ids []string
	for _, it := range page.Items {
		ids = append(ids, it.ID)
	}
	return ids
}

// checkAdvice drafts each need, with a meaningless signature and without one. A
// unit fulfils it, so the advice must not be to write.
func checkAdvice(t *testing.T, s *State, half string, needs [][2]string) {
	for _, signature := range []string{"", "func(s string) (string, error)"} {
		given := map[Advice]int{}
		wrong := 0
		for _, p := range needs {
			sim, err := s.Similar(Draft{Description: p[0], Signature: signature}, 5)
			if err != nil {
				t.Fatal(err)
			}
			given[sim.Advice]++
			if len(sim.Use) > 0 && rank(sim.Use, p[1]) == 0 {
				wrong++
			}
		}
		t.Logf("drafts of needs, %s, signature %q: %v; %d times use of another", half, signature, given, wrong)
		if given[AdviceWrite]*25 > len(needs) || wrong*20 > len(needs) {
			t.Errorf("%s, signature %q: advice %v, %d times use of another; want write for 1 of 25 at most, another for 1 of 20",
				half, signature, given, wrong)
		}
	}
}

// checkUnfulfilled drafts needs that no unit fulfils, so the advice must not be
// to use one.
func checkUnfulfilled(t *testing.T, s *State, half string) {
	given := map[Advice]int{}
	drafts := pairs(t, "unfulfilled_"+half)
	for _, p := range drafts {
		sim, err := s.Similar(Draft{Description: p[0], Signature: p[1]}, 5)
		if err != nil {
			t.Fatal(err)
		}
		given[sim.Advice]++
	}
	t.Logf("drafts that no unit fulfils, %s: %v", half, given)
	if given[AdviceUse]*10 > len(drafts) || given[AdviceWrite]*2 < len(drafts) {
		t.Errorf("%s: advice %v; want use for 1 of 10 at most, write for half", half, given)
	}
}

// TestOwnSignature queries every unit by its own signature.
func TestOwnSignature(t *testing.T) {
	t.Parallel()
	s := ownRegistry(t)
	for _, u := range s.units {
		if sig := signatureOf(u); sig != "" {
			if ids := findIDs(t, s, sig); rank(ids, u.ID) != 1 {
				t.Errorf("%s: first is %v, want %s", sig, ids[:min(1, len(ids))], u.ID)
			}
		}
	}
}
