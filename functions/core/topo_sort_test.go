package core_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"testing"

	"fnregistry.dev/functions/core"
)

func TestTopoSort_Order(t *testing.T) {
	t.Parallel()
	type deps = map[string][]string
	for _, c := range []struct {
		name, nodes, order, levels string
		deps                       deps
	}{
		{"nothing", "", "", "", nil},
		{"no dependencies", "c a b", "c a b", "c a b", nil},
		{"a valid order is kept", "a b c d", "a b c d", "a c|b d", deps{"b": {"a"}, "d": {"c"}}},
		{"reversed", "c b a", "a b c", "a|b|c", deps{"c": {"b"}, "b": {"a"}}},
		{"diamond", "end left right start", "start left right end", "start|left right|end", deps{"end": {"left", "right"}, "left": {"start"}, "right": {"start"}}},
		{"the list's order breaks ties", "x b a", "a b x", "b a|x", deps{"x": {"a", "b"}}},
		{"the same dependency twice", "b a", "a b", "a|b", deps{"b": {"a", "a"}}},
		{"a shortcut does not lower the level", "c b a", "a b c", "a|b|c", deps{"c": {"a", "b"}, "b": {"a"}}},
		{"an empty entry", "a", "a", "a", deps{"a": {}}},
	} {
		got, err := core.TopoSort(strings.Fields(c.nodes), c.deps)
		if err != nil {
			t.Errorf("%s: %v", c.name, err)
			continue
		}
		if order := strings.Join(got.Order, " "); order != c.order {
			t.Errorf("%s: order %q, want %q", c.name, order, c.order)
		}
		var levels []string
		for _, level := range got.Levels {
			levels = append(levels, strings.Join(level, " "))
		}
		if text := strings.Join(levels, "|"); text != c.levels {
			t.Errorf("%s: levels %q, want %q", c.name, text, c.levels)
		}
	}
}

func TestTopoSort_Cycle(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		nodes string
		deps  map[string][]string
		want  []string
	}{
		{"a", map[string][]string{"a": {"a"}}, []string{"a", "a"}},
		{"a b", map[string][]string{"a": {"b"}, "b": {"a"}}, []string{"a", "b", "a"}},
		// "in" leads into the cycle but is not part of it; "ok" is placed
		// before it.
		{"ok in x y z", map[string][]string{"in": {"ok", "x"}, "x": {"y"}, "y": {"ok", "z"}, "z": {"x"}}, []string{"x", "y", "z", "x"}},
	} {
		got, err := core.TopoSort(strings.Fields(c.nodes), c.deps)
		cycle, ok := errors.AsType[*core.TopoSortCycle[string]](err)
		if !ok || !slices.Equal(cycle.Path, c.want) {
			t.Errorf("%s: got %v, want the cycle %v", c.nodes, err, c.want)
			continue
		}
		if core.ErrorCode(err) != core.CodeInvalid || got.Order != nil || got.Levels != nil {
			t.Errorf("%s: code %q, result %v", c.nodes, core.ErrorCode(err), got)
		}
		if want := "topo_sort: cycle: " + strings.Join(c.want, " -> "); err.Error() != want {
			t.Errorf("got %q, want %q", err, want)
		}
	}
}

func TestTopoSort_LongCycle(t *testing.T) {
	t.Parallel()
	nodes := make([]int, 1000)
	deps := map[int][]int{}
	for i := range nodes {
		nodes[i], deps[i] = i, []int{(i + 1) % len(nodes)}
	}
	_, err := core.TopoSort(nodes, deps)
	if cycle, ok := errors.AsType[*core.TopoSortCycle[int]](err); !ok || len(cycle.Path) != 1001 {
		t.Fatalf("got %v, want a path of 1001", err)
	}
	if want := "topo_sort: cycle: 0 -> 1 -> 2 -> 3 -> 4 -> 5 -> (992 more) -> 998 -> 999 -> 0"; err.Error() != want {
		t.Errorf("got %q, want %q", err, want)
	}
}

func TestTopoSort_BadInput(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		nodes string
		deps  map[string][]string
		want  string
	}{
		{"a b a", nil, "topo_sort: node a is given twice"},
		{"a", map[string][]string{"a": {"b"}}, "topo_sort: node a depends on b, which is not among the nodes"},
		{"a", map[string][]string{"z": nil, "y": {"a"}}, "topo_sort: dependencies are given for y, which is not among the nodes"},
	} {
		_, err := core.TopoSort(strings.Fields(c.nodes), c.deps)
		if err == nil || err.Error() != c.want || core.ErrorCode(err) != core.CodeInvalid {
			t.Errorf("got %v, want %q", err, c.want)
		}
	}
}

// On random acyclic graphs: a permutation, dependencies first, levels as
// documented, and the same every time.
func TestTopoSort_RandomGraphs(t *testing.T) {
	t.Parallel()
	rng := rand.New(rand.NewPCG(3, 4))
	for range 300 {
		nodes := rng.Perm(1 + rng.IntN(40))
		rank := rng.Perm(len(nodes)) // a hidden valid order
		deps := map[int][]int{}
		for range rng.IntN(3 * len(nodes)) {
			if a, b := rng.IntN(len(nodes)), rng.IntN(len(nodes)); rank[a] > rank[b] {
				deps[a] = append(deps[a], b)
			}
		}
		got, err := core.TopoSort(nodes, deps)
		if err != nil {
			t.Fatal(err)
		}
		if again, _ := core.TopoSort(nodes, deps); !reflect.DeepEqual(got, again) {
			t.Fatal("two results for one input")
		}
		if again, _ := core.TopoSort(got.Order, deps); !slices.Equal(got.Order, again.Order) {
			t.Fatal("a valid order is not kept")
		}
		checkTopoSort(t, nodes, deps, got)
	}
}

func checkTopoSort(t *testing.T, nodes []int, deps map[int][]int, got core.TopoSortResult[int]) {
	t.Helper()
	placed, level := map[int]int{}, map[int]int{}
	for i, node := range got.Order {
		placed[node] = i
	}
	for l, in := range got.Levels {
		for _, node := range in {
			level[node] = l
		}
	}
	if len(placed) != len(nodes) || len(got.Order) != len(nodes) || len(level) != len(nodes) {
		t.Fatalf("%d nodes give %v and %v", len(nodes), got.Order, got.Levels)
	}
	for _, node := range nodes {
		want := 0
		for _, dep := range deps[node] {
			if placed[dep] >= placed[node] {
				t.Fatalf("%d comes before its dependency %d in %v", node, dep, got.Order)
			}
			want = max(want, level[dep]+1)
		}
		if level[node] != want {
			t.Fatalf("%d is on level %d, want %d", node, level[node], want)
		}
	}
}

// A chain as deep as the graph is large: a recursive walk would need a stack
// frame for each node.
func TestTopoSort_DeepChain(t *testing.T) {
	t.Parallel()
	const n = 200_000
	nodes := make([]int, n)
	deps := make(map[int][]int, n)
	for i := range nodes {
		nodes[i] = i
		if i+1 < n {
			deps[i] = []int{i + 1}
		}
	}
	got, err := core.TopoSort(nodes, deps)
	if err != nil || len(got.Levels) != n || got.Order[0] != n-1 {
		t.Fatalf("%v: %d levels", err, len(got.Levels))
	}
}

// The alternative is the loop that is often written instead: repeated passes
// over the remaining nodes.
func BenchmarkTopoSort(b *testing.B) {
	const n = 10_000
	rng := rand.New(rand.NewPCG(5, 6))
	var nodes []string
	deps := map[string][]string{}
	for i := range n {
		name := fmt.Sprintf("step_%05d", n-i)
		if i > 0 {
			for range 3 {
				deps[name] = append(deps[name], nodes[rng.IntN(i)])
			}
		}
		nodes = append(nodes, name)
	}
	rng.Shuffle(n, func(i, j int) { nodes[i], nodes[j] = nodes[j], nodes[i] })
	b.Run("TopoSort", func(b *testing.B) {
		for b.Loop() {
			if _, err := core.TopoSort(nodes, deps); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("rounds", func(b *testing.B) {
		for b.Loop() {
			done, left := map[string]bool{}, slices.Clone(nodes)
			for len(left) > 0 {
				left = slices.DeleteFunc(left, func(node string) bool {
					if slices.ContainsFunc(deps[node], func(dep string) bool { return !done[dep] }) {
						return false
					}
					done[node] = true
					return true
				})
			}
		}
	})
}
