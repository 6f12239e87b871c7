package api

import (
	"context"
	"net/http"

	"fnregistry.dev/cmd/registry_api/markdown"
	"fnregistry.dev/fn_registry/registry"
	"fnregistry.dev/functions/infra/http/httpapi"
)

type unitsIn struct {
	Q         string   `query:"q" json:"-" doc:"Words, \"phrases\", -words to leave out, and field words (tag:sql -purity:pure kind:type domain:core lang:go tested:true imports:yaml uses:ID used_by:ID); or a signature: func(context.Context, *sql.DB) error. Parts that are not understood are listed in problems."`
	Kind      []string `query:"kind" json:"-" doc:"One of these kinds." enum:"function,type,pipeline,app"`
	Lang      []string `query:"lang" json:"-" doc:"One of these languages."`
	Domain    []string `query:"domain" json:"-" doc:"One of these domains."`
	Tag       []string `query:"tag" json:"-" doc:"All of these tags."`
	Purity    []string `query:"purity" json:"-" doc:"pure: same input, same output, no I/O, clock, randomness or global state." enum:"pure,impure"`
	Tested    *bool    `query:"tested" json:"-" doc:"Whether there are tests."`
	Imports   []string `query:"imports" json:"-" doc:"Import all of these packages: import paths, or whole elements of them (mautrix)."`
	Uses      []string `query:"uses" json:"-" doc:"Use all of the units with these IDs directly."`
	UsedBy    []string `query:"used_by" json:"-" doc:"Are used by all of the units with these IDs directly."`
	Signature string   `query:"signature" json:"-" doc:"Go or arrows, whole or in part, arguments in any order: func(context.Context, _) error, string -> error; _ is any one type, a single capital a type parameter."`
	Sort      string   `query:"sort" json:"-" doc:"The order: by relevance (where words or a signature are given), by ID (else), or by how many units and programs use a unit." enum:"relevance,id,use"`
	Limit     *int     `query:"limit" json:"-" doc:"Items per page." min:"1" max:"200" default:"20"`
	Cursor    string   `query:"cursor" json:"-" doc:"next_cursor of the previous page, with all other parameters unchanged."`
}

type unitIn struct {
	ID string `path:"id" json:"-" doc:"The unit's ID, name_lang_domain."`
}

type similarIn struct {
	registry.Draft
	Limit *int `json:"limit" doc:"The maximum number of units to list." min:"1" max:"50" default:"5"`
}

// unit is registry.Detail with its body rendered.
type unit struct {
	*registry.Detail
	Body body `json:"body"`
}

type body struct {
	Markdown string    `json:"markdown"`
	HTML     string    `json:"html"`
	Sections []section `json:"sections"`
}

type section struct {
	registry.Section
	HTML string `json:"html"`
}

func unitEndpoints() []httpapi.HTTPAPIEndpoint {
	return []httpapi.HTTPAPIEndpoint{
		httpapi.HTTPAPIJSON(ofRegistry(httpapi.HTTPAPIEndpoint{
			Method: http.MethodGet, Path: "/api/v1/units", Name: "listUnits", Tag: "units", ByGeneration: true,
			Summary: "Find units by words, signature and properties",
			Description: "Without q and signature it lists all units that match the other parameters. " +
				"Typing errors are forgiven in a word that no unit has in any form; words says in which.",
		}), MaxBody, listUnits),
		httpapi.HTTPAPIJSON(ofRegistry(httpapi.HTTPAPIEndpoint{
			Method: http.MethodGet, Path: "/api/v1/units/{id}", Name: "getUnit", Tag: "units", Errors: noUnit,
			Summary: "Everything about one unit",
			Description: "The whole spec, what the code says whatever the spec says (derived), the body as Markdown and as HTML " +
				"(raw HTML in it is left out), who uses it, and what the linter finds. stale is true where the spec's file has changed " +
				"since the registry took it in: then spec and body are what the file says now, both of one write, and what comes " +
				"from the code and the graph is as it was; the body is empty where the file can't be read now.",
		}), MaxBody, getUnit),
		httpapi.HTTPAPIJSON(ofRegistry(httpapi.HTTPAPIEndpoint{
			Method: http.MethodGet, Path: "/api/v1/units/{id}/dependencies", Name: "listDependencies", Tag: "units", ByGeneration: true,
			Errors: noUnit, Summary: "All units that a unit needs, however many lie between",
		}), MaxBody, func(ctx context.Context, in *unitIn) (*registry.Reach, error) {
			return StateFrom(ctx).Dependencies(in.ID)
		}),
		httpapi.HTTPAPIJSON(ofRegistry(httpapi.HTTPAPIEndpoint{
			Method: http.MethodGet, Path: "/api/v1/units/{id}/dependents", Name: "listDependents", Tag: "units", ByGeneration: true,
			Errors: noUnit, Summary: "All units and programs that may break when a unit changes",
		}), MaxBody, func(ctx context.Context, in *unitIn) (*registry.Reach, error) {
			return StateFrom(ctx).Dependents(in.ID)
		}),
		similarEndpoint(),
	}
}

func listUnits(ctx context.Context, in *unitsIn) (*registry.Page, error) {
	return StateFrom(ctx).Find(registry.Query{
		Text: in.Q, Signature: in.Signature, Kind: in.Kind, Lang: in.Lang, Domain: in.Domain, Purity: in.Purity, Tag: in.Tag,
		Imports: in.Imports, Uses: in.Uses, UsedBy: in.UsedBy, Tested: in.Tested, Sort: registry.Sort(in.Sort),
		Limit: *in.Limit, Cursor: in.Cursor,
	})
}

func getUnit(ctx context.Context, in *unitIn) (*unit, error) {
	d, err := StateFrom(ctx).Get(in.ID)
	if err != nil {
		return nil, err
	}
	u := &unit{Detail: d, Body: body{Markdown: d.Body.Markdown, HTML: markdown.HTML(d.Body.Markdown), Sections: []section{}}}
	for _, s := range d.Body.Sections {
		u.Body.Sections = append(u.Body.Sections, section{Section: s, HTML: markdown.HTML(s.Markdown)})
	}
	return u, nil
}

func similarEndpoint() httpapi.HTTPAPIEndpoint {
	return httpapi.HTTPAPIJSON(ofRegistry(httpapi.HTTPAPIEndpoint{
		Method: http.MethodPost, Path: "/api/v1/similar", Name: "findSimilar", Tag: "units",
		Summary: "Units that already do what you are about to write",
		Description: "Send a draft; at least one of its fields is needed, description and signature say most. advice is use " +
			"(use or extend one of the units in use), look (look at the first item before writing) or write.",
	}), MaxBody, func(ctx context.Context, in *similarIn) (*registry.Similar, error) {
		return StateFrom(ctx).Similar(in.Draft, *in.Limit)
	})
}
