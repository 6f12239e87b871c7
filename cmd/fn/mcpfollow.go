package main

import (
	"context"
	"strings"

	"github.com/modelcontextprotocol/go-sdk/mcp"

	"fnregistry.dev/fn_registry/registry"
)

type reachOut struct {
	ID    string       `json:"id"`
	Total int          `json:"total"`
	Units []reachedOut `json:"units" jsonschema:"nearest first"`
	Apps  []string     `json:"apps" jsonschema:"IDs of the programs among them"`
}

type reachedOut struct {
	ID    string `json:"id"`
	Kind  string `json:"kind"`
	Depth int    `json:"depth" jsonschema:"1: directly"`
	Via   string `json:"via" jsonschema:"ID of the unit before it on the way"`
}

func (s *service) uses(ctx context.Context, _ *mcp.CallToolRequest, in idIn) (*mcp.CallToolResult, reachOut, error) {
	return s.reach(ctx, in.ID, usesTitle, (*registry.State).Dependencies)
}

func (s *service) impact(ctx context.Context, _ *mcp.CallToolRequest, in idIn) (*mcp.CallToolResult, reachOut, error) {
	return s.reach(ctx, in.ID, impactTitle, (*registry.State).Dependents)
}

func (s *service) reach(
	ctx context.Context,
	named string,
	title func(*registry.Reach) string,
	follow reachFunc,
) (*mcp.CallToolResult, reachOut, error) {
	state, err := s.state(ctx)
	if err != nil {
		return nil, reachOut{}, err
	}
	r, err := reach(state, named, follow)
	if err != nil {
		return nil, reachOut{}, fail(err)
	}
	out := reachOut{ID: r.ID, Total: r.Total, Units: []reachedOut{}, Apps: r.Apps}
	for _, it := range r.Items {
		out.Units = append(out.Units, reachedOut{it.ID, it.Kind, it.Depth, it.Via})
	}
	var b strings.Builder
	b.WriteString(title(r) + "\n")
	writeTree(&b, r)
	return text(b.String()), out, nil
}

type graphIn struct {
	ID        string `json:"id,omitempty" jsonschema:"the unit in the middle; empty: the whole graph"`
	Depth     int    `json:"depth,omitempty" jsonschema:"steps from it; default: all"`
	Direction string `json:"direction,omitempty" jsonschema:"uses or used_by; default: both"`
	Format    string `json:"format,omitempty" jsonschema:"mermaid (default), dot or json"`
}

type graphOut struct {
	Nodes int    `json:"nodes"`
	Edges int    `json:"edges"`
	Graph string `json:"graph" jsonschema:"the graph in the requested format"`
}

func (s *service) graph(
	ctx context.Context,
	_ *mcp.CallToolRequest,
	in graphIn,
) (*mcp.CallToolResult, graphOut, error) {
	state, err := s.state(ctx)
	if err != nil {
		return nil, graphOut{}, err
	}
	format, err := graphFormat(in.Format)
	if err != nil {
		return nil, graphOut{}, fail(err)
	}
	g, err := around(state, in.ID, registry.GraphQuery{Depth: in.Depth, Direction: registry.Direction(in.Direction)})
	if err != nil {
		return nil, graphOut{}, fail(err)
	}
	var b strings.Builder
	if err := writeGraph(&b, g, format); err != nil {
		return nil, graphOut{}, err
	}
	return text(b.String()), graphOut{Nodes: len(g.Nodes), Edges: len(g.Edges), Graph: b.String()}, nil
}
