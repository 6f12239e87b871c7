package main

import (
	"context"
	"strings"

	"github.com/modelcontextprotocol/go-sdk/mcp"
)

// specScheme is the start of the URI under which a unit's spec is a resource:
// spec:///error_code_go_core.
const specScheme = "spec:///"

func (s *service) addResources(server *mcp.Server) {
	server.AddResourceTemplate(&mcp.ResourceTemplate{
		URITemplate: specScheme + "{id}", Name: "spec", Title: "A unit's spec", MIMEType: "text/markdown",
		Description: "The spec of a unit as it stands in its file: frontmatter and Markdown. id is its ID, its name or its Go symbol.",
	}, s.readSpec)
}

// readSpec reads a spec's file.
func (s *service) readSpec(ctx context.Context, r *mcp.ReadResourceRequest) (*mcp.ReadResourceResult, error) {
	named, ok := strings.CutPrefix(r.Params.URI, specScheme)
	if !ok {
		return nil, mcp.ResourceNotFoundError(r.Params.URI)
	}
	state, err := s.state(ctx)
	if err != nil {
		return nil, err
	}
	id, err := state.Resolve(named)
	if err != nil {
		return nil, mcp.ResourceNotFoundError(r.Params.URI)
	}
	_, src, err := state.Catalog.Document(state.Catalog.Unit(id))
	if err != nil {
		return nil, err
	}
	return &mcp.ReadResourceResult{Contents: []*mcp.ResourceContents{
		{URI: r.Params.URI, MIMEType: "text/markdown", Text: string(src)},
	}}, nil
}
