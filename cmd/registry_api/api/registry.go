package api

import (
	"context"
	"encoding/base64"
	"net/http"
	"strconv"
	"strings"

	"fnregistry.dev/fn_registry/check"
	"fnregistry.dev/fn_registry/registry"
	"fnregistry.dev/functions/infra/http/httpapi"
)

type appsOut struct {
	Items      []registry.App `json:"items"`
	Total      int            `json:"total"`
	NextCursor *string        `json:"next_cursor"` // never set: all programs fit one page
}

type findingsIn struct {
	Rule     string `query:"rule" json:"-" doc:"Findings of this rule."`
	Severity string `query:"severity" json:"-" doc:"Findings of this severity." enum:"error,warning"`
	Unit     string `query:"unit" json:"-" doc:"Findings about the unit with this ID."`
	Domain   string `query:"domain" json:"-" doc:"Findings about units of this domain."`
	File     string `query:"file" json:"-" doc:"Findings in this file, or below this folder."`
	Limit    *int   `query:"limit" json:"-" doc:"Items per page." min:"1" max:"1000" default:"200"`
	Cursor   string `query:"cursor" json:"-" doc:"next_cursor of the previous page, with all other parameters unchanged. If files change between two pages, findings may be repeated or skipped."`
}

type findingsOut struct {
	Units      int              `json:"units"` // that were looked at
	Items      []check.Finding  `json:"items"` // by file and place
	Total      int              `json:"total"`
	NextCursor *string          `json:"next_cursor"`
	Rules      []registry.Count `json:"rules"` // how many findings each rule has, of those that the parameters let through
}

type statsOut struct {
	registry.Stats
	Freshness Freshness `json:"freshness"`
}

func (a *API) registryEndpoints() []httpapi.HTTPAPIEndpoint {
	return []httpapi.HTTPAPIEndpoint{
		httpapi.HTTPAPIJSON(ofRegistry(httpapi.HTTPAPIEndpoint{
			Method: http.MethodGet, Path: "/api/v1/apps", Name: "listApps", Tag: "apps", ByGeneration: true,
			Summary: "The programs, and the units that they are composed of",
		}), MaxBody, func(ctx context.Context, _ *struct{}) (*appsOut, error) {
			apps := StateFrom(ctx).Apps()
			return &appsOut{Items: apps, Total: len(apps)}, nil
		}),
		httpapi.HTTPAPIJSON(ofRegistry(httpapi.HTTPAPIEndpoint{
			Method: http.MethodGet, Path: "/api/v1/findings", Name: "listFindings", Tag: "findings", ByGeneration: true,
			Summary:     "What the linter finds",
			Description: "All rules except those that compare with the repository's history. The first request after a change waits for the linter.",
		}), MaxBody, listFindings),
		httpapi.HTTPAPIJSON(ofRegistry(httpapi.HTTPAPIEndpoint{
			Method: http.MethodGet, Path: "/api/v1/stats", Name: "getStats", Tag: "registry",
			Summary: "Figures about the units, and how current all answers are",
		}), MaxBody, func(ctx context.Context, _ *struct{}) (*statsOut, error) {
			return &statsOut{Stats: StateFrom(ctx).Stats(), Freshness: a.source.Freshness()}, nil
		}),
	}
}

func listFindings(ctx context.Context, in *findingsIn) (*findingsOut, error) {
	s := StateFrom(ctx)
	offset, err := parseOffset(in.Cursor)
	if err != nil {
		return nil, err
	}
	all, err := s.Findings(ctx)
	if err != nil {
		return nil, err
	}
	all, err = s.FilterFindings(all, registry.FindingsQuery{
		Rule: in.Rule, Severity: check.Severity(in.Severity), Unit: in.Unit, Domain: in.Domain, File: in.File,
	})
	if err != nil {
		return nil, err
	}
	out := &findingsOut{Units: s.Index.Len(), Total: len(all), Rules: registry.CountRules(all)}
	from := min(offset, len(all))
	to := min(from+*in.Limit, len(all))
	out.Items = nonNil(all[from:to])
	if to < len(all) {
		next := base64.RawURLEncoding.EncodeToString([]byte("findings " + strconv.Itoa(to)))
		out.NextCursor = &next
	}
	return out, nil
}

func parseOffset(cursor string) (int, error) {
	if cursor == "" {
		return 0, nil
	}
	text, err := base64.RawURLEncoding.DecodeString(cursor)
	number, ok := strings.CutPrefix(string(text), "findings ")
	n, numErr := strconv.Atoi(number)
	if err != nil || !ok || numErr != nil || n < 0 {
		return 0, &registry.QueryError{Param: "cursor", Message: "it does not come from an earlier answer; omit it to start over"}
	}
	return n, nil
}
