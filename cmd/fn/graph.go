package main

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strings"

	"fnregistry.dev/fn_registry/registry"
	"fnregistry.dev/functions/infra/program"
)

var graphFormats = []string{"json", "dot", "mermaid"}

type graphOptions struct {
	common
	Format    string `yaml:"-" flag:"format" doc:"json, dot or mermaid"`
	Depth     int    `yaml:"-" flag:"depth" doc:"steps from the unit; 0: all"`
	Direction string `yaml:"-" flag:"direction" doc:"uses: only what the unit uses; used_by: only who uses it (default both)"`
	Domain    string `yaml:"-" flag:"domain" doc:"only units of this domain"`
}

func graphCommand() *program.ProgramCommandHandle {
	return command(program.ProgramCommandConfig[*graphOptions]{
		Name: "graph", Args: "[ID]", Most: 1, Doc: "print the dependency graph as JSON, DOT or Mermaid",
		Help:     "Print the dependency graph, or the part of it around a unit. DOT is for Graphviz; Mermaid works in Markdown. --json is --format json.",
		Defaults: &graphOptions{Format: "mermaid"},
	}, graph, (*env).completeUnit)
}

func graph(ctx context.Context, e *env, o *graphOptions, args []string) error {
	if e.json {
		o.Format = "json"
	}
	format, err := graphFormat(o.Format)
	if err != nil {
		return err
	}
	s, done, err := e.state(ctx)
	if err != nil {
		return err
	}
	defer done()
	q := registry.GraphQuery{Depth: o.Depth, Direction: registry.Direction(o.Direction), Domain: o.Domain}
	g, err := around(s, strings.Join(args, ""), q)
	if err != nil {
		return err
	}
	return writeGraph(e.out, g, format)
}

func graphFormat(format string) (string, error) {
	switch {
	case format == "":
		return "mermaid", nil
	case !slices.Contains(graphFormats, format):
		return "", &usageError{
			message: fmt.Sprintf("format %q is not one of %s", format, strings.Join(graphFormats, ", ")),
		}
	}
	return format, nil
}

// around answers a graph query about a unit by its ID, name or symbol; without
// one, about all.
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
