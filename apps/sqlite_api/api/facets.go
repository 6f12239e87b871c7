package api

import (
	"context"
	"reflect"

	"fnregistry.dev/functions/infra/rowquery"
)

// rawJSON is JSON that is written as it is.
type rawJSON []byte

// MarshalJSON returns it.
func (r rawJSON) MarshalJSON() ([]byte, error) { return r, nil }

func typeOf[T any]() reflect.Type { return reflect.TypeFor[T]() }

func (a *api) listFacets(ctx context.Context, in *facetsIn) (*facetsOut, error) {
	v, t, err := a.table(ctx, &in.tableIn)
	if err != nil {
		return nil, err
	}
	request, err := in.request()
	if err != nil {
		return nil, err
	}
	column, err := rowquery.RowColumnParse(in.Column)
	if err != nil {
		return nil, err
	}
	found, err := v.Facet(ctx, t.Name, column, request, *in.Limit)
	if err != nil {
		return nil, err
	}
	out := &facetsOut{Values: make([]facetOut, len(found.Values)), More: found.More, TooSlow: found.TooSlow}
	for i, value := range found.Values {
		out.Values[i] = facetOut{Value: appendValue(nil, value.Value, ""), Rows: value.Rows}
	}
	return out, nil
}
