package api

import (
	"bytes"
	"net/http"
	"reflect"

	"fnregistry.dev/fn_registry/registry"
	fnhttp "fnregistry.dev/functions/infra/http"
	"fnregistry.dev/functions/infra/http/httpapi"
)

type graphIn struct {
	Format    string `query:"format" json:"-" doc:"The format of the answer." enum:"json,dot,mermaid" default:"json"`
	ID        string `query:"id" json:"-" doc:"The unit at the center; without it, the graph of all units."`
	Depth     *int   `query:"depth" json:"-" doc:"Distance from the unit at the center, in edges (default: no limit)." min:"1" max:"1000"`
	Direction string `query:"direction" json:"-" doc:"Direction from the unit at the center: what it uses, or what uses it (default: both)." enum:"uses,used_by"`
	Domain    string `query:"domain" json:"-" doc:"Only units of this domain, and the one at the center."`
}

func graphEndpoints() []httpapi.HTTPAPIEndpoint {
	return []httpapi.HTTPAPIEndpoint{httpapi.HTTPAPIRaw(ofRegistry(httpapi.HTTPAPIEndpoint{
		Method: http.MethodGet, Path: "/api/v1/graph", Name: "getGraph", Tag: "graph", ByGeneration: true, Errors: noUnit,
		Summary:     "Who uses whom, as data or as a picture's source",
		Description: "An edge leads from the unit whose code uses another to that other. Programs are nodes too.",
		Responses: []httpapi.HTTPAPIResponse{
			{Type: "application/json", Go: reflect.TypeFor[registry.Graph]()}, {Type: "text/vnd.graphviz"}, {Type: "text/plain"},
		},
	}), writeGraph)}
}

func writeGraph(w http.ResponseWriter, r *http.Request, in *graphIn) error {
	q := registry.GraphQuery{ID: in.ID, Direction: registry.Direction(in.Direction), Domain: in.Domain}
	if in.Depth != nil {
		q.Depth = *in.Depth
	}
	g, err := StateFrom(r.Context()).Graph(q)
	if err != nil {
		return err
	}
	var out bytes.Buffer
	switch in.Format {
	case "dot":
		w.Header().Set("Content-Type", "text/vnd.graphviz; charset=utf-8")
		err = g.WriteDOT(&out)
	case "mermaid":
		w.Header().Set("Content-Type", "text/plain; charset=utf-8")
		err = g.WriteMermaid(&out)
	default:
		return fnhttp.HTTPJSONWrite(w, http.StatusOK, g)
	}
	if err != nil {
		return err
	}
	w.Header().Set("Cache-Control", "no-cache")
	w.Write(out.Bytes()) // an error means that the client is gone
	return nil
}
