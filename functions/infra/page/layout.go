package page

import (
	"cmp"
	"slices"
)

// item is a box, or a point of a line within a layer, during the layout.
type item struct {
	x, y, w, h float64
	layer      int
	row        float64 // its position in the layer, while the order is computed
	line       bool    // a point that a line passes, not a box
	left       []*item // its neighbours in the adjacent layers
	right      []*item
}

// route lists the items that an edge leads through.
type route struct {
	from, to int
	way      []*item
}

const (
	columnGap = 64
	rowGap    = 10
	lineGap   = 6
	sweeps    = 12
	// mostPlaces is the maximum number of points for lines. In a graph that
	// needs more, such as one with cycles, long lines cross what lies between.
	mostPlaces = 5000
)

// arrange places boxes in layers from left to right, along the edges, with few
// crossings and fairly straight lines: Sugiyama, Tagawa and Toda (1981). Edges
// are indexes of boxes. It returns the routes in the order of the edges.
func arrange(boxes []*item, edges [][2]int) []route {
	assignLayers(boxes, edges)
	var layers [][]*item
	add := func(n *item) {
		for len(layers) <= n.layer {
			layers = append(layers, nil)
		}
		n.row = float64(len(layers[n.layer]))
		layers[n.layer] = append(layers[n.layer], n)
	}
	for _, n := range boxes {
		add(n)
	}
	places := 0
	for _, e := range edges {
		places += max(boxes[e[0]].layer-boxes[e[1]].layer, boxes[e[1]].layer-boxes[e[0]].layer)
	}
	routes := make([]route, len(edges))
	for i, e := range edges {
		from, to := boxes[e[0]], boxes[e[1]]
		first, last := from, to
		if from.layer > to.layer {
			first, last = to, from // it closes a cycle, and is drawn backwards
		}
		way := []*item{first}
		for layer := first.layer + 1; layer < last.layer && places <= mostPlaces; layer++ {
			n := &item{layer: layer, line: true}
			add(n)
			way = append(way, n)
		}
		way = append(way, last)
		for j := 1; j < len(way) && first.layer != last.layer; j++ {
			way[j-1].right = append(way[j-1].right, way[j])
			way[j].left = append(way[j].left, way[j-1])
		}
		if first != from {
			slices.Reverse(way)
		}
		routes[i] = route{e[0], e[1], way}
	}
	order(layers)
	place(layers)
	return routes
}

// assignLayers puts each box to the right of all boxes that lead to it. Edges
// that close a cycle are ignored.
func assignLayers(boxes []*item, edges [][2]int) {
	next := make([][]int, len(boxes))
	for _, e := range edges {
		next[e[0]] = append(next[e[0]], e[1])
	}
	seen := make([]bool, len(boxes))
	var sorted []int // each after everything it leads to
	var visit func(int)
	visit = func(n int) {
		seen[n] = true
		for _, to := range next[n] {
			if !seen[to] {
				visit(to)
			}
		}
		sorted = append(sorted, n)
	}
	for n := range boxes {
		if !seen[n] {
			visit(n)
		}
	}
	rank := make([]int, len(boxes))
	for i, n := range sorted {
		rank[n] = i
	}
	for _, n := range slices.Backward(sorted) {
		for _, to := range next[n] {
			if rank[to] < rank[n] {
				boxes[to].layer = max(boxes[to].layer, boxes[n].layer+1)
			}
		}
	}
	// A box that nothing leads to is placed right before the first box it leads
	// to.
	for n, box := range boxes {
		if box.layer > 0 || len(next[n]) == 0 {
			continue
		}
		nearest := boxes[next[n][0]].layer
		for _, to := range next[n] {
			nearest = min(nearest, boxes[to].layer)
		}
		box.layer = max(0, nearest-1)
	}
}

// order sorts each layer by the mean position of the neighbours, forwards and
// backwards.
func order(layers [][]*item) {
	for sweep := range sweeps {
		for i := range layers {
			layer := layers[i]
			if sweep%2 == 1 {
				layer = layers[len(layers)-1-i]
			}
			for _, n := range layer {
				if near := n.beside(sweep%2 == 0); len(near) > 0 {
					n.row = mean(near, func(m *item) float64 { return m.row })
				}
			}
			slices.SortStableFunc(layer, func(a, b *item) int { return cmp.Compare(a.row, b.row) })
			for j, n := range layer {
				n.row = float64(j)
			}
		}
	}
}

func (n *item) beside(left bool) []*item {
	if left {
		return n.left
	}
	return n.right
}

func mean(list []*item, of func(*item) float64) float64 {
	sum := 0.0
	for _, n := range list {
		sum += of(n)
	}
	return sum / float64(len(list))
}

// place assigns coordinates from 0: the items of a layer are stacked in order,
// each as close as possible to its neighbours.
func place(layers [][]*item) {
	x := 0.0
	for _, layer := range layers {
		width, y := 0.0, 0.0
		for _, n := range layer {
			n.x, n.y = x, y
			y += n.h + n.gap()
			width = max(width, n.w)
		}
		for _, n := range layer {
			if n.line {
				n.w = width
			}
		}
		x += width + columnGap
	}
	for sweep := range sweeps {
		for i := range layers {
			layer := layers[i]
			if sweep%2 == 1 {
				layer = layers[len(layers)-1-i]
			}
			settle(layer, sweep%2 == 0)
		}
	}
	top := 0.0
	for _, layer := range layers {
		for _, n := range layer {
			top = min(top, n.y)
		}
	}
	for _, layer := range layers {
		for _, n := range layer {
			n.y -= top
		}
	}
}

func (n *item) gap() float64 {
	if n.line {
		return lineGap
	}
	return rowGap
}

// block is a run of items that touch each other.
type block struct {
	items  []*item
	sum    float64 // of the preferred tops, each less the item's offset in the block
	height float64
}

func (b block) top() float64 { return b.sum / float64(len(b.items)) }

// settle moves the items of a layer towards the mean middle of their neighbours
// on one side. Items that would overlap are moved together: the least-squares
// fit that keeps the order, by pooling adjacent violators.
func settle(layer []*item, left bool) {
	var blocks []block
	for _, n := range layer {
		wish := n.y
		if near := n.beside(left); len(near) > 0 {
			wish = mean(near, func(m *item) float64 { return m.y + m.h/2 }) - n.h/2
		}
		b := block{[]*item{n}, wish, n.h + n.gap()}
		for len(blocks) > 0 {
			last := blocks[len(blocks)-1]
			if last.top()+last.height <= b.top() {
				break
			}
			blocks = blocks[:len(blocks)-1]
			b = block{append(last.items, b.items...), last.sum + b.sum - float64(len(b.items))*last.height, last.height + b.height}
		}
		blocks = append(blocks, b)
	}
	for _, b := range blocks {
		y := b.top()
		for _, n := range b.items {
			n.y = y
			y += n.h + n.gap()
		}
	}
}
