package registry

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"

	"fnregistry.dev/fn_registry/catalog"
	"fnregistry.dev/fn_registry/spec"
)

// Direction says which edges a graph around a unit follows.
type Direction string

// The directions.
const (
	Both   Direction = ""        // what it uses and who uses it
	Uses   Direction = "uses"    // what it uses
	UsedBy Direction = "used_by" // who uses it
)

// GraphQuery says which part of the graph of uses is wanted. The zero
// GraphQuery wants the whole.
type GraphQuery struct {
	ID        string    // of the central unit; "": the whole graph
	Depth     int       // edges from the central unit; 0: everything reachable
	Direction Direction // with ID
	Domain    string    // only units of this domain, and the central unit; "": all
}

// Graph is units and who uses whom. Nodes are sorted by ID, edges by both ends.
type Graph struct {
	Nodes []Node `json:"nodes"`
	Edges []Edge `json:"edges"`
}

// Node is a unit in a graph.
type Node struct {
	ID     string `json:"id"`
	Name   string `json:"name"`
	Kind   string `json:"kind"`
	Domain string `json:"domain"`
	Purity string `json:"purity"`
	Depth  int    `json:"depth"` // edges from the central unit; 0 for that unit, and for all in the whole graph
}

// Edge says that the code of From reaches To directly.
type Edge struct {
	From string `json:"from"`
	To   string `json:"to"`
}

// Graph returns the graph of uses, or a part of it. An unknown ID is a
// [*NotFoundError], an unknown domain a [*QueryError].
func (s *State) Graph(q GraphQuery) (*Graph, error) {
	if !slices.Contains([]Direction{Both, Uses, UsedBy}, q.Direction) {
		return nil, unknown("direction", string(q.Direction), []string{string(Uses), string(UsedBy)})
	}
	if q.Depth < 0 {
		return nil, &QueryError{Param: "depth", Message: "less than 0"}
	}
	if q.ID == "" && q.Depth > 0 {
		return nil, &QueryError{Param: "depth", Message: "it counts from a unit, but no unit is given"}
	}
	if q.ID == "" && q.Direction != Both {
		return nil, &QueryError{Param: "direction", Message: "it is relative to a unit, but no unit is given"}
	}
	if err := s.checkDomain(q.Domain); err != nil {
		return nil, err
	}
	depths := map[*catalog.Unit]int{}
	if q.ID == "" {
		for _, u := range s.units {
			depths[u] = 0
		}
	} else {
		u := s.Catalog.Unit(q.ID)
		if u == nil {
			return nil, s.missing(q.ID)
		}
		depths[u] = 0
		if q.Direction != UsedBy {
			add(depths, s.Catalog.Dependencies(u), q.Depth)
		}
		if q.Direction != Uses {
			add(depths, s.Catalog.Dependents(u), q.Depth)
		}
	}
	for u := range depths {
		if q.Domain != "" && u.Spec.Domain != q.Domain && u.ID != q.ID {
			delete(depths, u)
		}
	}
	return s.graph(depths), nil
}

func add(depths map[*catalog.Unit]int, reached []catalog.Reached, most int) {
	for _, r := range reached {
		if most > 0 && r.Depth > most {
			return // nearest first
		}
		if was, ok := depths[r.Unit]; !ok || r.Depth < was {
			depths[r.Unit] = r.Depth
		}
	}
}

func (s *State) graph(depths map[*catalog.Unit]int) *Graph {
	g := &Graph{Nodes: []Node{}, Edges: []Edge{}}
	for _, u := range s.units { // sorted by ID
		depth, in := depths[u]
		if !in {
			continue
		}
		g.Nodes = append(g.Nodes, Node{u.ID, u.Spec.Name, u.Spec.Kind, u.Spec.Domain, u.Spec.Purity, depth})
		for _, v := range s.Catalog.Uses(u) {
			if _, in := depths[v]; in {
				g.Edges = append(g.Edges, Edge{u.ID, v.ID})
			}
		}
	}
	return g
}

// WriteJSON writes {"nodes":[...],"edges":[...]}, a line for each.
func (g *Graph) WriteJSON(w io.Writer) error {
	return json.NewEncoder(w).Encode(g)
}

// WriteDOT writes the graph in Graphviz's language: functions as boxes, types
// as ellipses, programs as folded notes; what is not pure is drawn bold.
func (g *Graph) WriteDOT(w io.Writer) error {
	b := bufio.NewWriter(w)
	fmt.Fprint(b, "digraph units {\n  rankdir=LR;\n  node [shape=box, fontname=\"sans-serif\"];\n")
	for _, n := range g.Nodes {
		attrs := "label=" + dotQuote(n.Name)
		switch n.Kind {
		case spec.KindType:
			attrs += ", shape=ellipse"
		case spec.KindApp:
			attrs += ", shape=note"
		}
		if n.Purity == spec.PurityImpure {
			attrs += ", style=bold"
		}
		fmt.Fprintf(b, "  %s [%s];\n", dotQuote(n.ID), attrs)
	}
	for _, e := range g.Edges {
		fmt.Fprintf(b, "  %s -> %s;\n", dotQuote(e.From), dotQuote(e.To))
	}
	fmt.Fprint(b, "}\n")
	return b.Flush()
}

// dotQuote formats an ID of the DOT language: in a quoted one only quotes need
// escaping, but labels interpret backslashes.
func dotQuote(s string) string {
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`, "\n", `\n`, "\r", "", "\x00", "").Replace(s) + `"`
}

// WriteMermaid writes the graph as a Mermaid flowchart: functions as boxes,
// types rounded, programs as stadiums.
func (g *Graph) WriteMermaid(w io.Writer) error {
	b := bufio.NewWriter(w)
	fmt.Fprint(b, "flowchart LR\n")
	numbers := make(map[string]int, len(g.Nodes))
	for i, n := range g.Nodes {
		numbers[n.ID] = i
		open, end := "[", "]"
		switch n.Kind {
		case spec.KindType:
			open, end = "(", ")"
		case spec.KindApp:
			open, end = "([", "])"
		}
		fmt.Fprintf(b, "  n%d%s\"%s\"%s\n", i, open, mermaidText(n.Name), end)
	}
	for _, e := range g.Edges {
		fmt.Fprintf(b, "  n%d --> n%d\n", numbers[e.From], numbers[e.To])
	}
	return b.Flush()
}

// mermaidText replaces characters that could end or format a label by Mermaid's
// entity codes.
func mermaidText(s string) string {
	var b strings.Builder
	for _, r := range s {
		if r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("_-. ", r) {
			b.WriteRune(r)
		} else {
			fmt.Fprintf(&b, "#%d;", r)
		}
	}
	return b.String()
}
