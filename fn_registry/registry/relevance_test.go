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
// counted. The needs_random files say at their head how they were drawn.
// golden.txt has, for each query, the rank of the unit that is wanted and the
// first three.
func TestRelevance(t *testing.T) {
	t.Parallel()
	s := ownRegistry(t)
	golden := readGolden(t)
	var now []string
	for _, half := range []string{"dev", "held"} {
		random := pairs(t, "needs_random_"+half)
		now = append(now, golden.check(t, s, "random needs, "+half, random, 0.50, 0.75)...)
		needs := pairs(t, "needs_"+half)
		signatures := pairs(t, "signatures_"+half)
		now = append(now, golden.check(t, s, "needs, "+half, needs, 0.86, 0.97)...)
		now = append(now, golden.check(t, s, "signatures, "+half, signatures, 0.85, 0.90)...)
		golden.checkAdvice(t, s, half, needs)
		golden.checkUnfulfilled(t, s, half)
	}
	if *updateGolden {
		text := goldenHead + strings.Join(now, "") + goldenUnits
		for _, u := range s.units {
			text += u.ID + "\n"
		}
		if err := os.WriteFile(goldenPath, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

// ownRegistry opens the registry over this repository.
func ownRegistry(t *testing.T) *State {
	t.Helper()
	r, err := Open(t.Context(), Options{Roots: []string{"../.."}, NoCache: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { r.Close() })
	return r.State()
}

// pairs reads a file of lines with two columns. Lines that begin with # say
// where the data are from.
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
# gets worse fails the test. Units that are newer than this file, which lists all
# at its end, are passed over: each may fulfil a need better, or be next to it.
# go test -run Relevance -update ./registry writes it; before that, a new unit
# that fulfils a need, or a draft that none did, goes into the .tsv files.
`

const goldenUnits = "\n== units\n"

var goldenPath = filepath.Join("testdata", "relevance", "golden.txt")

// golden is what golden.txt has.
type golden struct {
	ranks map[string]int // by section and query
	units map[string]bool
}

// known returns the IDs that the golden knows; all while it is written.
func (g golden) known(ids []string) []string {
	if *updateGolden {
		return ids
	}
	return slices.DeleteFunc(slices.Clone(ids), func(id string) bool { return !g.units[id] })
}

func readGolden(t *testing.T) golden {
	t.Helper()
	data, err := os.ReadFile(goldenPath)
	if err != nil {
		t.Fatal(err)
	}
	ranks, section := map[string]int{}, ""
	text, list, _ := strings.Cut(string(data), goldenUnits)
	units := map[string]bool{}
	for _, id := range strings.Fields(list) {
		units[id] = true
	}
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
	return golden{ranks, units}
}

// check asks all queries, and compares the ranks of what is wanted with the
// golden ones and with the shares to be first and among the first three.
func (g golden) check(t *testing.T, s *State, section string, queries [][2]string, first, inThree float64) []string {
	t.Helper()
	var lines []string
	ones, threes := 0.0, 0.0
	for _, p := range queries {
		ids := g.known(findIDs(t, s, p[0]))
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

// rank is the place of the first wanted unit among the IDs, from 1; 0 where
// there is none.
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

// checkAdvice drafts each need, with a signature that says nothing and without
// one. A unit does it, so the advice must not be to write.
func (g golden) checkAdvice(t *testing.T, s *State, half string, needs [][2]string) {
	for _, signature := range []string{"", "func(s string) (string, error)"} {
		given := map[Advice]int{}
		wrong := 0
		for _, p := range needs {
			sim, err := s.Similar(Draft{Description: p[0], Signature: signature}, 5)
			if err != nil {
				t.Fatal(err)
			}
			given[sim.Advice]++
			if use := g.known(sim.Use); len(use) > 0 && rank(use, p[1]) == 0 {
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

// checkUnfulfilled drafts what no unit does, so the advice must not be to use
// one.
func (g golden) checkUnfulfilled(t *testing.T, s *State, half string) {
	given := map[Advice]int{}
	drafts := pairs(t, "unfulfilled_"+half)
	for _, p := range drafts {
		sim, err := s.Similar(Draft{Description: p[0], Signature: p[1]}, 5)
		if err != nil {
			t.Fatal(err)
		}
		if sim.Advice == AdviceUse && len(g.known(sim.Use)) == 0 {
			sim.Advice = AdviceLook // at a newer one, which may fulfil it
		}
		given[sim.Advice]++
	}
	t.Logf("drafts that no unit fulfils, %s: %v", half, given)
	if given[AdviceUse]*10 > len(drafts) || given[AdviceWrite]*2 < len(drafts) {
		t.Errorf("%s: advice %v; want use for 1 of 10 at most, write for half", half, given)
	}
}

// TestOwnSignature asks for every unit by its own signature.
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
