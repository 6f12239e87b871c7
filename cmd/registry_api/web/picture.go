package web

import (
	"cmp"
	"fmt"
	"slices"
	"unicode/utf8"

	"fnregistry.dev/fn_registry/registry"
)

// picture is a graph laid out in columns, users on the left of what they use, ready to be drawn.
type picture struct {
	Width, Height int
	Boxes         []box
	Lines         []string // SVG path data
	Title         string
}

type box struct {
	X, Y, W     int
	Label, Link string
	Class       string // kind and purity, for the style sheet
	Tip         string
}

const (
	boxHeight = 28
	rowStep   = 38
	columnGap = 70
	margin    = 12
	charWidth = 8 // of the style sheet's monospace font, rounded up
)

// node is a box while it is laid out.
type node struct {
	box
	key    string
	column int
	row    float64
}

type edge = registry.Edge

// layout puts nodes into columns, orders each so that lines cross less, and draws the lines.
func layout(nodes []*node, edges []edge, title string) *picture {
	byKey := map[string]*node{}
	for _, n := range nodes {
		byKey[n.key] = n
		n.W = utf8.RuneCountInString(n.Label)*charWidth + 20
	}
	columns := map[int][]*node{}
	last := 0
	for _, n := range nodes {
		columns[n.column] = append(columns[n.column], n)
		last = max(last, n.column)
	}
	tallest := 0
	for _, list := range columns {
		tallest = max(tallest, len(list))
		for i, n := range list {
			n.row = float64(i)
		}
	}
	untangle(columns, last, byKey, edges)
	p := &picture{Height: max(tallest*rowStep-(rowStep-boxHeight), boxHeight) + 2*margin, Title: title}
	x := margin
	for c := 0; c <= last; c++ {
		widest := 0
		top := margin + (tallest-len(columns[c]))*rowStep/2
		for i, n := range columns[c] {
			n.X, n.Y = x, top+i*rowStep
			widest = max(widest, n.W)
		}
		x += widest + columnGap
	}
	p.Width = max(x-columnGap, 0) + margin
	for _, n := range nodes {
		p.Boxes = append(p.Boxes, n.box)
	}
	for _, e := range edges {
		from, to := byKey[e.From], byKey[e.To]
		if from == nil || to == nil || from == to {
			continue
		}
		x1, y1, x2, y2 := from.X+from.W, from.Y+boxHeight/2, to.X, to.Y+boxHeight/2
		bend := max((x2-x1)/2, 24)
		p.Lines = append(p.Lines, fmt.Sprintf("M%d %dC%d %d %d %d %d %d", x1, y1, x1+bend, y1, x2-bend, y2, x2, y2))
	}
	return p
}

// untangle orders each column by the mean place of its neighbours, some sweeps there and back: the barycentre
// heuristic of Sugiyama, Tagawa and Toda (1981).
func untangle(columns map[int][]*node, last int, byKey map[string]*node, edges []edge) {
	near := map[*node][]*node{}
	for _, e := range edges {
		if a, b := byKey[e.From], byKey[e.To]; a != nil && b != nil {
			near[a], near[b] = append(near[a], b), append(near[b], a)
		}
	}
	for sweep := range 6 {
		for c := range last + 1 {
			column, side := c, -1
			if sweep%2 == 1 {
				column, side = last-c, 1
			}
			for _, n := range columns[column] {
				sum, count := 0.0, 0.0
				for _, m := range near[n] {
					if (m.column-column)*side > 0 {
						sum, count = sum+m.row, count+1
					}
				}
				if count > 0 {
					n.row = sum / count
				}
			}
			slices.SortStableFunc(columns[column], func(a, b *node) int { return cmp.Compare(a.row, b.row) })
			for i, n := range columns[column] {
				n.row = float64(i)
			}
		}
	}
}

func unitNode(n registry.Node, middle string) *node {
	class := "box " + n.Kind + " " + n.Purity
	if n.ID == middle {
		class += " middle"
	}
	return &node{key: n.ID, box: box{Label: n.Name, Link: "/units/" + n.ID, Class: class, Tip: n.ID}}
}

// around1 draws a unit with its direct neighbours: users, itself, what it uses. It returns nil for a unit alone.
func around1(g *registry.Graph, middle string) *picture {
	var edges []edge
	column := map[string]int{middle: 1}
	for _, e := range g.Edges {
		if e.From == middle {
			column[e.To] = 2
			edges = append(edges, e)
		}
		if e.To == middle {
			column[e.From] = 0
			edges = append(edges, e)
		}
	}
	if len(edges) == 0 {
		return nil
	}
	used := map[int]bool{}
	for _, c := range column {
		used[c] = true
	}
	var nodes []*node
	for _, n := range g.Nodes {
		c, ok := column[n.ID]
		if !ok {
			continue
		}
		drawn := unitNode(n, middle)
		if drawn.column = c; !used[0] {
			drawn.column-- // nobody uses it: no empty column
		}
		nodes = append(nodes, drawn)
	}
	return layout(nodes, edges, "What "+middle+" uses, on the right, and who uses it, on the left")
}

// drawUnits draws a graph of units.
func drawUnits(g *registry.Graph, middle string) *picture {
	var nodes []*node
	for _, n := range g.Nodes {
		nodes = append(nodes, unitNode(n, middle))
	}
	nodes = level(nodes, g.Edges, middle)
	return layout(nodes, g.Edges, "Units and what they use, from left to right")
}

// drawPackages draws a graph that has too many units to be read, by the folders that they lie in.
func drawPackages(s *registry.State, g *registry.Graph) *picture {
	folder, count := map[string]string{}, map[string]int{}
	for _, n := range g.Nodes {
		if u := s.Catalog.Unit(n.ID); u != nil {
			folder[n.ID] = u.Dir.Path
			count[u.Dir.Path]++
		}
	}
	seen := map[edge]bool{}
	var edges []edge
	for _, e := range g.Edges {
		if p := (edge{From: folder[e.From], To: folder[e.To]}); p.From != p.To && !seen[p] {
			seen[p] = true
			edges = append(edges, p)
		}
	}
	var names []string
	for name := range count {
		names = append(names, name)
	}
	slices.SortFunc(names, func(a, b string) int { return cmp.Or(cmp.Compare(count[b], count[a]), cmp.Compare(a, b)) })
	names = names[:min(len(names), mostNodes)]
	var nodes []*node
	for _, name := range names {
		nodes = append(nodes, &node{key: name, box: box{Label: name, Class: "box package", Tip: plural(count[name], "unit")}})
	}
	return layout(level(nodes, edges, ""), edges, "Packages and what they use, from left to right")
}

// level gives each node a column right of all that use it. Edges that close a circle do not count. Without a node in
// the middle, nodes without any edge are left out: they would only be a long list.
func level(nodes []*node, edges []edge, middle string) []*node {
	next, linked := map[string][]string{}, map[string]bool{middle: true}
	for _, e := range edges {
		next[e.From] = append(next[e.From], e.To)
		linked[e.From], linked[e.To] = true, true
	}
	if len(edges) > 0 {
		nodes = slices.DeleteFunc(nodes, func(n *node) bool { return !linked[n.key] })
	}
	depth, state := map[string]int{}, map[string]int8{}
	var order []string
	var visit func(key string)
	visit = func(key string) {
		state[key] = 1
		for _, to := range next[key] {
			if state[to] == 0 {
				visit(to)
			}
		}
		state[key] = 2
		order = append(order, key)
	}
	for _, n := range nodes {
		if state[n.key] == 0 {
			visit(n.key)
		}
	}
	place := map[string]int{}
	for i, key := range order {
		place[key] = i
	}
	for _, key := range slices.Backward(order) {
		for _, to := range next[key] {
			if place[to] < place[key] {
				depth[to] = max(depth[to], depth[key]+1)
			}
		}
	}
	for _, n := range nodes {
		n.column = depth[n.key]
	}
	return nodes
}
