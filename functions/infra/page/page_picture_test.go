package page

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"
)

func nodes(ids ...string) []PagePictureNode {
	var all []PagePictureNode
	for _, id := range ids {
		all = append(all, PagePictureNode{ID: id, Kind: "kind of " + id, URL: "/" + id})
	}
	return all
}

func edges(pairs ...string) []PagePictureEdge {
	var all []PagePictureEdge
	for _, p := range pairs {
		from, to, _ := strings.Cut(p, " ")
		all = append(all, PagePictureEdge{from, to})
	}
	return all
}

// place by ID
func places(d drawing) map[string]*drawnBox {
	all := map[string]*drawnBox{}
	for _, b := range d.boxes {
		all[b.ID] = b
	}
	return all
}

func TestPagePicture_LeftToRight(t *testing.T) {
	t.Parallel()
	d := draw(PagePictureConfig{Hub: 12, Nodes: nodes("a", "b", "c", "alone"), Edges: edges("a b", "b c", "a c", "c a", "a a", "a b", "a nobody")})
	at := places(d)
	if len(d.boxes) != 3 || !(at["a"].x < at["b"].x && at["b"].x < at["c"].x) || len(d.lines) != 4 {
		t.Errorf("%d boxes, %d lines", len(d.boxes), len(d.lines))
	}
	if len(d.list) != 4 || d.list[0].node.ID != "a" || len(d.list[0].to) != 2 {
		t.Errorf("listed %+v", d.list[0])
	}
}

func TestPagePicture_Rendered(t *testing.T) {
	t.Parallel()
	got := render(t, PagePicture(PagePictureConfig{
		Name: "A <picture>", Nodes: append(nodes("a", "b"), PagePictureNode{ID: "c", Label: hostile[0], URL: hostile[9], Hint: hostile[1]}),
		Edges: edges("a b", "b c"), Middle: "b", Path: []string{"a", "b"},
	}))
	has(t, got, `aria-label="A &lt;picture&gt;"`, `<g class="box k2 middle on" data-id="b">`, `class="e on"`, `class="lit"`, `data-from="a" data-to="b"`, `<a href="/a">`,
		"kind of a", "<summary>As a list</summary>", `href="about:invalid"`)
	hasNot(t, got, "<script>", "<img")
	has(t, render(t, PagePicture(PagePictureConfig{Name: "none", Nodes: nodes("a")})), "There are no edges", `<li><a href="/a">a</a></li>`)
}

func TestPagePicture_Hubs(t *testing.T) {
	t.Parallel()
	cfg := PagePictureConfig{Nodes: nodes("hub", "other")}
	for i := range 13 {
		id := fmt.Sprint("n", i)
		cfg.Nodes = append(cfg.Nodes, nodes(id)...)
		cfg.Edges = append(cfg.Edges, edges(id+" hub", id+" other")...)
	}
	cfg.Edges = cfg.Edges[:len(cfg.Edges)-1] // twelve lead to other
	got := render(t, PagePicture(cfg))
	has(t, got, "Lines to these are not drawn", `<a href="/hub">hub</a> (13 lines)`, `data-to="other"`)
	hasNot(t, got, `data-to="hub"`, "(12 lines)")
	cfg.Hub = -1
	has(t, render(t, PagePicture(cfg)), `data-to="hub"`)
	cfg.Hub, cfg.Middle = 0, "hub"
	has(t, render(t, PagePicture(cfg)), `data-to="hub"`)
}

// random returns a graph of n nodes in groups, with about three edges each.
func random(n int, seed uint64) PagePictureConfig {
	r := rand.New(rand.NewPCG(seed, 1))
	cfg := PagePictureConfig{Name: "random", Hub: -1}
	for i := range n {
		id := fmt.Sprint("node_", i)
		cfg.Nodes = append(cfg.Nodes, PagePictureNode{ID: id, Label: id + strings.Repeat("x", r.IntN(20)), Group: fmt.Sprint("group", r.IntN(n/8+1))})
		for range 3 {
			cfg.Edges = append(cfg.Edges, PagePictureEdge{id, fmt.Sprint("node_", r.IntN(n))})
		}
	}
	return cfg
}

// TestPagePicture_NothingOverlaps tests graphs of all sizes, with cycles.
func TestPagePicture_NothingOverlaps(t *testing.T) {
	t.Parallel()
	for seed := range uint64(40) {
		cfg := random(2+int(seed)*3, seed)
		cfg.Group = seed%2 == 1
		d := draw(cfg)
		for i, a := range d.boxes {
			if a.x < 0 || a.y < 0 || a.x+a.w > d.width || a.y+a.h > d.height {
				t.Fatalf("seed %d: %s lies outside of the picture", seed, a.ID)
			}
			for _, b := range d.boxes[i+1:] {
				if a.x < b.x+b.w && b.x < a.x+a.w && a.y < b.y+b.h-.01 && b.y < a.y+a.h-.01 {
					t.Fatalf("seed %d: %s and %s overlap", seed, a.ID, b.ID)
				}
			}
		}
		for i, a := range d.groups {
			for _, b := range d.groups[i+1:] {
				if a.x < b.x+b.w && b.x < a.x+a.w && a.y < b.y+b.h-.01 && b.y < a.y+a.h-.01 {
					t.Fatalf("seed %d: %s and %s overlap", seed, a.name, b.name)
				}
			}
		}
		again := draw(cfg)
		if !slices.EqualFunc(d.lines, again.lines, func(a, b drawnLine) bool { return a == b }) {
			t.Fatalf("seed %d: the second picture differs", seed)
		}
	}
}

func TestPagePicture_Groups(t *testing.T) {
	t.Parallel()
	cfg := PagePictureConfig{Group: true, Hub: 12, Nodes: nodes("a", "b", "c", "d"), Edges: edges("a c", "b c", "b d", "a b")}
	for i, group := range []string{"left", "left", "right", "right"} {
		cfg.Nodes[i].Group = group
	}
	d := draw(cfg)
	sums, fine := 0, 0
	for _, l := range d.lines {
		if strings.Contains(l.class, "sum") {
			sums++
		} else if strings.Contains(l.class, "fine") {
			fine++
		}
	}
	if len(d.groups) != 2 || sums != 1 || fine != 4 || d.groups[0].x >= d.groups[1].x {
		t.Errorf("groups %+v, %d lines between groups, %d of nodes", d.groups, sums, fine)
	}
}

// TestPagePicture_Straight: a chain is a straight line, and a node with two
// neighbours in one layer is placed at their middle.
func TestPagePicture_Straight(t *testing.T) {
	t.Parallel()
	at := places(draw(PagePictureConfig{Nodes: nodes("a", "b", "c"), Edges: edges("a b", "b c")}))
	if at["a"].y != at["b"].y || at["b"].y != at["c"].y {
		t.Errorf("a chain at %v, %v, %v", at["a"].y, at["b"].y, at["c"].y)
	}
	at = places(draw(PagePictureConfig{Nodes: nodes("a", "b", "c"), Edges: edges("a b", "a c")}))
	if middle := (at["b"].y + at["c"].y) / 2; at["a"].y != middle {
		t.Errorf("a at %v, the middle is %v", at["a"].y, middle)
	}
}

func TestPagePicture_Fast(t *testing.T) {
	t.Parallel()
	began := time.Now()
	d := draw(random(400, 1))
	if took := time.Since(began); took > 5*time.Second || len(d.boxes) < 390 {
		t.Errorf("%d boxes in %v", len(d.boxes), took)
	}
}

func BenchmarkPagePicture_125(b *testing.B) {
	cfg := random(125, 1)
	for b.Loop() {
		draw(cfg)
	}
}

// A box has room for its further lines.
func TestPagePicture_Lines(t *testing.T) {
	t.Parallel()
	text := render(t, PagePicture(PagePictureConfig{
		Nodes: []PagePictureNode{{ID: "a", Lines: []string{"id <b>", "name"}}, {ID: "b"}}, Edges: []PagePictureEdge{{From: "a", To: "b"}},
	}))
	has(t, text, `height="64"`, "id &lt;b&gt;", ">name</text>")
}
