package main

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"fnregistry.dev/fn_registry/registry"
)

var graphFormats = []string{"json", "dot", "mermaid"}

func (e *env) graphCommand() *cobra.Command {
	var q registry.GraphQuery
	var format, direction string
	c := &cobra.Command{
		Use:               "graph [ID]",
		Short:             "write who uses whom, as JSON, DOT or Mermaid",
		Long:              "Write the graph of uses, or the part of it around a unit. DOT is for Graphviz; Mermaid stands in Markdown. --json is --format json.",
		Args:              args(0, 1, ""),
		ValidArgsFunction: e.completeUnits(1),
		RunE: func(c *cobra.Command, args []string) error {
			if e.json {
				format = "json"
			}
			format, err := graphFormat(format)
			if err != nil {
				return err
			}
			s, done, err := e.state(c.Context())
			if err != nil {
				return err
			}
			defer done()
			q.Direction = registry.Direction(direction)
			g, err := around(s, strings.Join(args, ""), q)
			if err != nil {
				return err
			}
			return writeGraph(e.out, g, format)
		},
	}
	f := c.Flags()
	f.StringVar(&format, "format", "mermaid", "json, dot or mermaid")
	f.IntVar(&q.Depth, "depth", 0, "steps from the unit; 0: all")
	f.StringVar(&direction, "direction", "", "uses: only what the unit uses; used_by: only who uses it (default both)")
	f.StringVar(&q.Domain, "domain", "", "only units of this domain")
	e.completeWords(c, "format", graphFormats)
	e.completeWords(c, "direction", []string{"uses", "used_by"})
	e.completeDomains(c)
	return c
}

func graphFormat(format string) (string, error) {
	switch {
	case format == "":
		return "mermaid", nil
	case !slices.Contains(graphFormats, format):
		return "", &usageError{message: fmt.Sprintf("format %q is not one of %s", format, strings.Join(graphFormats, ", "))}
	}
	return format, nil
}

// around answers a graph query about a unit by its ID, name or symbol; without one, about all.
func around(s *registry.State, named string, q registry.GraphQuery) (*registry.Graph, error) {
	if named != "" {
		id, err := s.Resolve(named)
		if err != nil {
			return nil, err
		}
		q.ID = id
	}
	return s.Graph(q)
}

func writeGraph(w io.Writer, g *registry.Graph, format string) error {
	switch format {
	case "dot":
		return g.WriteDOT(w)
	case "mermaid":
		return g.WriteMermaid(w)
	}
	return g.WriteJSON(w)
}
