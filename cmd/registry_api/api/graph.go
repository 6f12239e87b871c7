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
	Format    string `query:"format" json:"-" doc:"The form of the answer." enum:"json,dot,mermaid" default:"json"`
	ID        string `query:"id" json:"-" doc:"The unit in the middle; without it the graph is that of all units."`
	Depth     *int   `query:"depth" json:"-" doc:"How far from the unit in the middle, in edges; without it as far as they lead." min:"1" max:"1000"`
	Direction string `query:"direction" json:"-" doc:"Which way from the unit in the middle: what it uses, or who uses it; without it both." enum:"uses,used_by"`
	Domain    string `query:"domain" json:"-" doc:"Only units of this domain, besides the one in the middle."`
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
