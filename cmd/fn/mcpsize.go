package main

import (
	"context"
	"strings"

	"github.com/modelcontextprotocol/go-sdk/mcp"

	"fnregistry.dev/fn_registry/size"
)

type sizeIn struct {
	IDs  []string `json:"ids" jsonschema:"the units that a program would import: IDs, names or Go symbols"`
	Base string   `json:"base,omitempty" jsonschema:"what the units are added to: server (a small HTTP server; the default), empty, or the ID of a program of the repository"`
}

func (s *service) size(ctx context.Context, _ *mcp.CallToolRequest, in sizeIn) (*mcp.CallToolResult, *weights, error) {
	state, err := s.state(ctx)
	if err != nil {
		return nil, nil, err
	}
	if len(in.IDs) == 0 {
		return nil, nil, fail(&usageError{message: "no unit is named", hint: "name them in ids"})
	}
	units, err := unitsNamed(state, in.IDs)
	if err != nil {
		return nil, nil, fail(err)
	}
	base, err := baseNamed(state, in.Base)
	if err != nil {
		return nil, nil, fail(err)
	}
	s.build.Lock()
	defer s.build.Unlock()
	w, err := weigh(ctx, &size.Meter{Catalog: state.Catalog, Ledger: s.r.Sizes()}, base, units, len(units) > 1)
	if err != nil {
		return nil, nil, fail(err)
	}
	var b strings.Builder
	writeWeights(&b, w)
	for _, it := range w.rows() {
		if it.Error != "" {
			b.WriteString(it.name() + ": " + it.Error + "\n")
		}
	}
	return text(b.String()), w, nil
}
