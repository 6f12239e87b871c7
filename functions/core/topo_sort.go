package core

import (
	"fmt"
	"slices"
	"strings"
)

// TopoSortResult is an order of nodes in which each comes after all that it
// depends on, given in two forms.
type TopoSortResult[K comparable] struct {
	// Order has every node once. Nodes stand in the order they were given in,
	// but for those that had to come earlier because one before them depends on
	// them. An input that is already in a valid order is returned unchanged.
	Order []K
	// Levels has every node once too, for running them in parallel: those in
	// Levels[0] depend on nothing, those in Levels[i] on at least one of
	// Levels[i-1] and on none of their own level or a later one. Within a level
	// nodes stand in the order they were given in.
	Levels [][]K
}

// TopoSortCycle is the cause, for errors.AsType, of the error that [TopoSort]
// returns when nodes depend on each other in a circle.
type TopoSortCycle[K comparable] struct {
	Path []K // each node depends on the next one; the last is the first again
}

// Error returns "cycle: a -> b -> a", shortened in the middle where the path is
// long.
func (c *TopoSortCycle[K]) Error() string {
	const head, tail = 6, 3
	names := make([]string, 0, head+1+tail)
	for i, node := range c.Path {
		switch left := len(c.Path) - i; {
		case i < head || left <= tail:
			names = append(names, fmt.Sprint(node))
		case i == head:
			names = append(names, fmt.Sprintf("(%d more)", left-tail))
		}
	}
	return "cycle: " + strings.Join(names, " -> ")
}

// TopoSort orders nodes so that each comes after the nodes in its dependsOn
// entry (a missing entry means none). The same input gives the same result: it
// depends on the order of nodes and of each dependency list, never on that of
// the map. It takes time and memory linear in nodes and dependencies, and no
// recursion.
//
// Its errors are *[Error] with [CodeInvalid]: a node given twice, a dependency
// or an entry that is no node, or a cycle, whose path the cause carries as
// *[TopoSortCycle].
//
// More in topo_sort.md:
//   - dependsOn points backwards: {"b": {"a"}} means that a comes first.
//   - Running level by level waits for the slowest of each level.
func TopoSort[K comparable](nodes []K, dependsOn map[K][]K) (TopoSortResult[K], error) {
	position, err := topoPositions(nodes, dependsOn)
	if err != nil {
		return TopoSortResult[K]{}, err
	}
	walk := topoWalk[K]{
		nodes:     nodes,
		dependsOn: dependsOn,
		position:  position,
		level:     make([]int, len(nodes)),
		order:     make([]K, 0, len(nodes)),
	}
	for i := range nodes {
		if cycle := walk.place(i); cycle != nil {
			return TopoSortResult[K]{}, topoError(&Error{Err: cycle, Hint: "remove one dependency of the cycle"})
		}
	}
	return TopoSortResult[K]{Order: walk.order, Levels: walk.levels()}, nil
}

func topoError(e *Error) error {
	e.Code, e.Op = CodeInvalid, "topo_sort"
	return e
}

func topoPositions[K comparable](nodes []K, dependsOn map[K][]K) (map[K]int, error) {
	position := make(map[K]int, len(nodes))
	known := 0 // entries of dependsOn that belong to a node
	for i, node := range nodes {
		if _, twice := position[node]; twice {
			return nil, topoError(&Error{Message: fmt.Sprintf("node %v is given twice", node)})
		}
		position[node] = i
		if _, ok := dependsOn[node]; ok {
			known++
		}
	}
	for _, node := range nodes {
		for _, dep := range dependsOn[node] {
			if _, ok := position[dep]; !ok {
				return nil, topoError(
					&Error{Message: fmt.Sprintf("node %v depends on %v, which is not among the nodes", node, dep)},
				)
			}
		}
	}
	if known == len(dependsOn) {
		return position, nil
	}
	var strangers []string // all of them, sorted: a map's order differs between runs
	for node := range dependsOn {
		if _, ok := position[node]; !ok {
			strangers = append(strangers, fmt.Sprint(node))
		}
	}
	slices.Sort(strangers)
	return nil, topoError(
		&Error{Message: fmt.Sprintf("dependencies are given for %s, which is not among the nodes", strangers[0])},
	)
}

// topoWalk is a depth-first walk along the dependencies that places a node once
// all of its dependencies are placed.
type topoWalk[K comparable] struct {
	nodes     []K
	dependsOn map[K][]K
	position  map[K]int
	order     []K
	level     []int      // by position; 0: not seen, -1: on the stack, else the node's level + 1
	stack     []topoStep // the path from the node that place was asked for
}

type topoStep struct{ node, nextDep int }

// place places the node at position start, preceded by everything it depends
// on. It returns a cycle if it meets one.
func (w *topoWalk[K]) place(start int) error {
	if w.level[start] != 0 {
		return nil
	}
	w.push(start)
	for len(w.stack) > 0 {
		top := &w.stack[len(w.stack)-1]
		deps := w.dependsOn[w.nodes[top.node]]
		if top.nextDep == len(deps) {
			w.pop(deps)
			continue
		}
		dep := w.position[deps[top.nextDep]]
		top.nextDep++
		switch w.level[dep] {
		case 0:
			w.push(dep)
		case -1:
			return w.cycle(dep)
		}
	}
	return nil
}

func (w *topoWalk[K]) push(node int) {
	w.level[node] = -1
	w.stack = append(w.stack, topoStep{node: node})
}

func (w *topoWalk[K]) pop(deps []K) {
	node := w.stack[len(w.stack)-1].node
	w.stack = w.stack[:len(w.stack)-1]
	level := 0
	for _, dep := range deps {
		level = max(level, w.level[w.position[dep]])
	}
	w.level[node] = level + 1
	w.order = append(w.order, w.nodes[node])
}

// cycle returns the part of the stack from node on, which the top of the stack
// depends on.
func (w *topoWalk[K]) cycle(node int) error {
	from := slices.IndexFunc(w.stack, func(s topoStep) bool { return s.node == node })
	var path []K
	for _, step := range w.stack[from:] {
		path = append(path, w.nodes[step.node])
	}
	return &TopoSortCycle[K]{Path: append(path, w.nodes[node])}
}

func (w *topoWalk[K]) levels() [][]K {
	var levels [][]K
	if len(w.level) > 0 {
		levels = make([][]K, slices.Max(w.level))
	}
	for i, node := range w.nodes {
		l := w.level[i] - 1
		levels[l] = append(levels[l], node)
	}
	return levels
}
