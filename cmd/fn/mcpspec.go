package main

import (
	"context"
	"strings"

	"github.com/modelcontextprotocol/go-sdk/jsonrpc"
	"github.com/modelcontextprotocol/go-sdk/mcp"

	"fnregistry.dev/fn_registry/registry"
)

// specScheme is the start of the URI under which a unit's spec is a resource:
// spec:///error_code_go_core.
const specScheme = "spec:///"

// specType is the type of a spec's text.
const specType = "text/markdown"

func (s *service) addResources(server *mcp.Server) {
	server.AddReceivingMiddleware(s.listSpecs)
	server.AddResourceTemplate(&mcp.ResourceTemplate{
		URITemplate: specScheme + "{id}", Name: "spec", Title: "A unit's spec", MIMEType: specType,
		Description: "The spec of a unit, as in its file: frontmatter and Markdown. id is its ID, its name or its Go symbol.",
	}, s.readSpec)
}

// specsAPage is the number of specs on a page of the list.
const specsAPage = 100

// listSpecs answers resources/list with the registry's current units: the SDK
// itself would list only what was added to it once.
func (s *service) listSpecs(next mcp.MethodHandler) mcp.MethodHandler {
	return func(ctx context.Context, method string, req mcp.Request) (mcp.Result, error) {
		list, ok := req.(*mcp.ListResourcesRequest)
		if !ok {
			return next(ctx, method, req)
		}
		q := registry.Query{Sort: registry.SortID, Limit: specsAPage}
		if list.Params != nil {
			q.Cursor, list.Params.Cursor = list.Params.Cursor, ""
		}
		result, err := next(ctx, method, list)
		if err != nil {
			return nil, err
		}
		state, err := s.state(ctx)
		if err != nil {
			return nil, err
		}
		page, err := state.Find(q)
		if err != nil {
			return nil, &jsonrpc.Error{Code: jsonrpc.CodeInvalidParams, Message: err.Error()}
		}
		out := result.(*mcp.ListResourcesResult)
		for _, it := range page.Items {
			out.Resources = append(out.Resources, &mcp.Resource{
				URI: specScheme + it.ID, Name: it.ID, Title: it.Name, Description: firstSentence(it.Description), MIMEType: specType,
			})
		}
		if page.NextCursor != nil {
			out.NextCursor = *page.NextCursor
		}
		return out, nil
	}
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
		{URI: r.Params.URI, MIMEType: specType, Text: string(src)},
	}}, nil
}
