package page

import (
	"cmp"
	"slices"
	"strconv"
	"strings"
)

const (
	boxHeight  = 28
	unitHeight = 24 // of a box within a group
	headHeight = 26 // of a group's title
	padding    = 8  // within a group
	margin     = 12
	lineHeight = 18 // of a further line in a box
	charWidth  = 8  // of the style sheet's monospace font at 13 px, rounded up
	longest    = 40 // characters of a label
	tallest    = 12 // nodes of a group in one column
)

// drawing is a picture, ready to be written.
type drawing struct {
	name          string
	width, height float64
	boxes         []*drawnBox
	groups        []drawnGroup
	lines         []drawnLine
	hubs          []PageLink
	kinds         []string // legend, in the order of their colours
	list          []*listed
	lit           bool // a path is highlighted from the start
}

type drawnBox struct {
	PagePictureNode
	x, y, w, h float64
	class      string
	label      string
}

type drawnGroup struct {
	name       string
	x, y, w, h float64
}

type drawnLine struct{ path, class, from, to string }

// listed is a node in the list behind a picture.
type listed struct {
	node PagePictureNode
	to   []PageLink
}

// graph holds a picture's nodes and edges by index.
type graph struct {
	cfg   PagePictureConfig
	index map[string]int
	edges [][2]int // without those to hubs
	in    []int    // number of incoming edges of each node
	out   [][]int  // all nodes that each leads to
	hub   []bool
	// linked nodes have an edge that is drawn.
	linked []bool
	kinds  []string
}

func draw(cfg PagePictureConfig) drawing {
	g := newGraph(cfg)
	d := drawing{name: cfg.Name, kinds: g.kinds, lit: len(cfg.Path) > 0}
	for i, node := range cfg.Nodes {
		entry := &listed{node: node}
		for _, to := range g.out[i] {
			entry.to = append(entry.to, cfg.Nodes[to].link())
		}
		d.list = append(d.list, entry)
		if g.hub[i] {
			hub := node.link()
			hub.Hint = strconv.Itoa(g.in[i]) + " lines"
			d.hubs = append(d.hubs, hub)
		}
	}
	slices.SortStableFunc(d.list, func(a, b *listed) int { return cmp.Compare(a.node.name(), b.node.name()) })
	if cfg.Group {
		g.drawGroups(&d)
	} else {
		g.drawNodes(&d)
	}
	d.width += 2 * margin
	d.height += 2 * margin
	return d
}

func newGraph(cfg PagePictureConfig) *graph {
	n := len(cfg.Nodes)
	g := &graph{cfg: cfg, index: make(map[string]int, n), in: make([]int, n), out: make([][]int, n), hub: make([]bool, n), linked: make([]bool, n)}
	for i, node := range cfg.Nodes {
		g.index[node.ID] = i
		if node.Kind != "" && !slices.Contains(g.kinds, node.Kind) {
			g.kinds = append(g.kinds, node.Kind)
		}
	}
	slices.Sort(g.kinds)
	seen := map[[2]int]bool{}
	var all [][2]int
	for _, e := range cfg.Edges {
		from, ok := g.index[e.From]
		to, found := g.index[e.To]
		if !ok || !found || from == to || seen[[2]int{from, to}] {
			continue
		}
		seen[[2]int{from, to}] = true
		all = append(all, [2]int{from, to})
		g.in[to]++
		g.out[from] = append(g.out[from], to)
	}
	for i, node := range cfg.Nodes {
		g.hub[i] = cfg.Hub > 0 && g.in[i] > cfg.Hub && node.ID != cfg.Middle && !slices.Contains(cfg.Path, node.ID)
	}
	for _, e := range all {
		if !g.hub[e[1]] {
			g.edges = append(g.edges, e)
			g.linked[e[0]], g.linked[e[1]] = true, true
		}
	}
	if i, ok := g.index[cfg.Middle]; ok {
		g.linked[i] = true
	}
	return g
}

func (n PagePictureNode) name() string { return cmp.Or(n.Label, n.ID) }

func (n PagePictureNode) link() PageLink { return PageLink{Text: n.name(), URL: n.URL} }

// box returns the node's box with the given height, not yet placed.
func (g *graph) box(i int, height float64) *drawnBox {
	node := g.cfg.Nodes[i]
	label := shorten(node.name(), longest)
	class := "box"
	if at := slices.Index(g.kinds, node.Kind); at >= 0 {
		class += " " + colour(at)
	}
	if node.ID == g.cfg.Middle {
		class += " middle"
	}
	if slices.Contains(g.cfg.Path, node.ID) {
		class += " on"
	}
	return &drawnBox{PagePictureNode: node, w: textWidth(label) + 20, h: height, class: class, label: label}
}

// unfold makes room for the node's further lines.
func (b *drawnBox) unfold() {
	for _, line := range b.Lines {
		b.w = max(b.w, textWidth(shorten(line, longest))+20)
	}
	b.h += lineHeight * float64(len(b.Lines))
}

// shorten cuts a text to a number of characters, the last one an ellipsis.
func shorten(text string, most int) string {
	runes := []rune(strings.Join(strings.Fields(text), " "))
	if len(runes) <= most {
		return string(runes)
	}
	return string(runes[:most-1]) + "…"
}

// textWidth returns an upper bound of a label's width in pixels: characters
// from Hangul on may be twice as wide.
func textWidth(label string) float64 {
	width := 0
	for _, r := range label {
		width += charWidth
		if r >= 0x1100 {
			width += charWidth
		}
	}
	return float64(width)
}

func (g *graph) onPath(from, to string) bool {
	at := slices.Index(g.cfg.Path, from)
	return at >= 0 && at+1 < len(g.cfg.Path) && g.cfg.Path[at+1] == to
}

// line is an edge between two nodes.
func (g *graph) line(path string, e [2]int, class string) drawnLine {
	l := drawnLine{path, "e" + class, g.cfg.Nodes[e[0]].ID, g.cfg.Nodes[e[1]].ID}
	if g.onPath(l.from, l.to) {
		l.class += " on"
	}
	return l
}

// drawNodes draws a box for each linked node.
func (g *graph) drawNodes(d *drawing) {
	var items []*item
	var boxes []*drawnBox
	at := map[int]int{} // node -> item
	for i := range g.cfg.Nodes {
		if !g.linked[i] {
			continue
		}
		b := g.box(i, boxHeight)
		b.unfold()
		at[i] = len(items)
		items = append(items, &item{w: b.w, h: b.h})
		boxes = append(boxes, b)
	}
	var edges [][2]int
	for _, e := range g.edges {
		edges = append(edges, [2]int{at[e[0]], at[e[1]]})
	}
	routes := arrange(items, edges)
	for i, r := range routes {
		d.lines = append(d.lines, g.line(r.path(), g.edges[i], ""))
	}
	for i, n := range items {
		boxes[i].x, boxes[i].y = n.x+margin, n.y+margin
		d.fit(n.x+n.w, n.y+n.h)
	}
	d.boxes = boxes
}

func (d *drawing) fit(x, y float64) {
	d.width, d.height = max(d.width, x), max(d.height, y)
}

// drawGroups draws a box for each group with its nodes in it.
func (g *graph) drawGroups(d *drawing) {
	members := map[string][]int{}
	for i, node := range g.cfg.Nodes {
		if g.linked[i] || g.hub[i] {
			members[node.Group] = append(members[node.Group], i)
		}
	}
	names := make([]string, 0, len(members))
	for name := range members {
		names = append(names, name)
	}
	slices.Sort(names)
	items := make([]*item, len(names))
	inside := make([][]*drawnBox, len(names))
	at := map[string]int{}
	for i, name := range names {
		inside[i], items[i] = g.fill(name, members[name])
		at[name] = i
	}
	between := map[[2]int]int{}
	var pairs [][2]int
	for _, e := range g.edges {
		p := [2]int{at[g.cfg.Nodes[e[0]].Group], at[g.cfg.Nodes[e[1]].Group]}
		if p[0] == p[1] {
			continue
		}
		if between[p]++; between[p] == 1 {
			pairs = append(pairs, p)
		}
	}
	for i, r := range arrange(items, pairs) {
		class := "e sum w" + strconv.Itoa(min(3, 1+between[pairs[i]]/4))
		d.lines = append(d.lines, drawnLine{r.path(), class, "", ""})
	}
	placed := map[string]*drawnBox{}
	for i, n := range items {
		d.groups = append(d.groups, drawnGroup{names[i], n.x + margin, n.y + margin, n.w, n.h})
		d.fit(n.x+n.w, n.y+n.h)
		for _, b := range inside[i] {
			b.x += n.x + margin
			b.y += n.y + margin
			placed[b.ID] = b
			d.boxes = append(d.boxes, b)
		}
	}
	for _, e := range g.edges {
		from, to := placed[g.cfg.Nodes[e[0]].ID], placed[g.cfg.Nodes[e[1]].ID]
		d.lines = append(d.lines, g.line(curve(from.x+from.w, from.y+from.h/2, to.x, to.y+to.h/2)+arrow(-6), e, " fine"))
	}
}

// fill lays out the nodes of a group within its box.
func (g *graph) fill(name string, nodes []int) ([]*drawnBox, *item) {
	slices.SortStableFunc(nodes, func(a, b int) int { return cmp.Compare(g.cfg.Nodes[a].name(), g.cfg.Nodes[b].name()) })
	columns := (len(nodes) + tallest - 1) / tallest
	rows := (len(nodes) + columns - 1) / columns
	var boxes []*drawnBox
	x := float64(padding)
	for len(nodes) > 0 {
		column := nodes[:min(rows, len(nodes))]
		nodes = nodes[len(column):]
		width := 0.0
		first := len(boxes)
		for row, i := range column {
			b := g.box(i, unitHeight-4)
			b.x, b.y = x, headHeight+float64(row)*unitHeight
			width = max(width, b.w)
			boxes = append(boxes, b)
		}
		for _, b := range boxes[first:] {
			b.w = width
		}
		x += width + padding
	}
	return boxes, &item{w: max(x, textWidth(name)+2*padding), h: headHeight + float64(rows)*unitHeight + padding/2}
}

// path returns the route as SVG path data, with an arrow at its end.
func (r route) path() string {
	var b strings.Builder
	last := len(r.way) - 1
	back := r.way[0].x > r.way[last].x
	for i, n := range r.way {
		y := n.y + n.h/2 + margin
		enter, leave := n.x+margin, n.x+n.w+margin
		if back {
			enter, leave = leave, enter
		}
		if i == 0 {
			b.WriteString(points("M", leave, y))
			continue
		}
		from := r.way[i-1]
		x1 := from.x + from.w + margin
		if back {
			x1 = from.x + margin
		}
		b.WriteString(bend(x1, from.y+from.h/2+margin, enter, y))
		if i == last {
			head := -6.0
			if back {
				head = 6
			}
			b.WriteString(arrow(head))
		} else {
			b.WriteString(points("H", leave))
		}
	}
	return b.String()
}

// curve leads from the right side of a box to the left side of another,
// wherever that is.
func curve(x1, y1, x2, y2 float64) string {
	if x2 > x1 {
		return points("M", x1, y1) + bend(x1, y1, x2, y2)
	}
	return points("M", x1, y1) + points("C", x1+columnGap, y1, x2-columnGap, y2, x2, y2)
}

// bend is a curve that begins and ends horizontally.
func bend(x1, y1, x2, y2 float64) string {
	half := (x2 - x1) / 2
	return points("C", x1+half, y1, x2-half, y2, x2, y2)
}

// arrow is an arrowhead at the end of the path; back says from which side the
// path arrives.
func arrow(back float64) string { return points("m", back, -3) + points("l", -back, 3, back, 3) }

// points formats a command of SVG path data.
func points(command string, coordinates ...float64) string {
	text := command
	for i, v := range coordinates {
		text += on(i > 0, " ") + px(v)
	}
	return text
}

// write writes the picture with its legend, and a list of the same data.
func (d drawing) write(w *PageWriter) {
	w.Open("div", "class", "picture")
	d.bar(w)
	if len(d.boxes) == 0 {
		w.notice(PageNoticeConfig{Kind: "empty", Text: "There are no edges to draw."})
	} else {
		w.Open("div", "class", "view", "tabindex", "0", "role", "region", "aria-label", d.name)
		d.svg(w)
		w.Close("div")
	}
	w.Open("details")
	w.Element("summary", "As a list")
	w.Open("ul")
	for _, entry := range d.list {
		w.Open("li")
		w.link(entry.node.link())
		for i, to := range entry.to {
			w.Raw([]string{" → ", ", "}[min(i, 1)])
			w.Text(to.Text)
		}
		w.Close("li")
	}
	w.Close("ul")
	w.Close("details")
	w.Close("div")
}

// bar writes what is above the picture: zoom, legend, hubs.
func (d drawing) bar(w *PageWriter) {
	w.Open("div", "class", "bar")
	for _, b := range [][3]string{{"1.3", "+", "Larger"}, {"0.77", "−", "Smaller"}, {"0", "Fit", "Fit the width"}} {
		w.Element("button", b[1], "class", "script", "type", "button", "data-zoom", b[0], "aria-label", b[2])
	}
	for i, kind := range d.kinds {
		w.Open("span")
		w.Open("svg", "width", "18", "height", "12", "aria-hidden", "true", "class", colour(i))
		w.Element("rect", "", "class", "key", "x", "1", "y", "1", "width", "16", "height", "10", "rx", "3")
		w.Close("svg")
		w.Text(kind)
		w.Close("span")
	}
	w.Close("div")
	if len(d.hubs) == 0 {
		return
	}
	w.Open("p", "class", "hubs")
	w.Text("Lines to these are not drawn: ")
	for i, hub := range d.hubs {
		w.Text(on(i > 0, ", "))
		w.link(PageLink{Text: hub.Text, URL: hub.URL})
		w.Text(" (" + hub.Hint + ")")
	}
	w.Close("p")
}

func (d drawing) svg(w *PageWriter) {
	w.Open("svg", "width", px(d.width), "height", px(d.height), "viewBox", "0 0 "+px(d.width)+" "+px(d.height),
		"role", "group", "aria-label", d.name, "class", on(d.lit, "lit"))
	for _, g := range d.groups {
		w.Open("g", "class", "group")
		w.rect(g.x, g.y, g.w, g.h, "8")
		w.Element("text", g.name, "x", px(g.x+padding), "y", px(g.y+18))
		w.Close("g")
	}
	for _, l := range d.lines {
		w.Element("path", "", "class", l.class, "d", l.path, "data-from", l.from, "data-to", l.to)
	}
	for _, b := range d.boxes {
		if b.URL != "" {
			w.Open("a", "href", b.URL)
		}
		w.Open("g", "class", b.class, "data-id", b.ID)
		w.Element("title", cmp.Or(b.Hint, b.name()))
		w.rect(b.x, b.y, b.w, b.h, "6")
		lines := float64(0)
		if b.h > boxHeight { // else there is only room for the label
			lines = lineHeight * float64(len(b.Lines))
		}
		w.Element("text", b.label, "x", px(b.x+10), "y", px(b.y+(b.h-lines)/2+4.5))
		for i, line := range b.Lines[:int(lines/lineHeight)] {
			w.Element("text", shorten(line, longest), "class", "more", "x", px(b.x+10), "y", px(b.y+boxHeight+lineHeight*float64(i)+9))
		}
		w.Close("g")
		if b.URL != "" {
			w.Close("a")
		}
	}
	w.Close("svg")
}

func (w *PageWriter) rect(x, y, width, height float64, radius string) {
	w.Element("rect", "", "x", px(x), "y", px(y), "width", px(width), "height", px(height), "rx", radius)
}

// colour returns the style sheet's class for nodes of a kind.
func colour(kind int) string { return "k" + strconv.Itoa(min(kind, 5)+1) }
