package main

import (
	"context"
	"strings"

	"github.com/modelcontextprotocol/go-sdk/mcp"

	"fnregistry.dev/fn_registry/scaffold"
)

type newIn struct {
	Name        string   `json:"name" jsonschema:"snake_case: slug_make becomes SlugMake in slug_make.go"`
	Domain      string   `json:"domain,omitempty" jsonschema:"the domain, as core or infra; may be left out for an app"`
	Kind        string   `json:"kind,omitempty" jsonschema:"function (default), type, pipeline (composes units) or app (a program)"`
	Package     string   `json:"package,omitempty" jsonschema:"an existing or new package of the domain, or a folder from the root; default: the domain's own"`
	Signature   string   `json:"signature,omitempty" jsonschema:"Go declaration, with or without the name: func(title string, max int) (string, error)"`
	Description string   `json:"description,omitempty" jsonschema:"what it does, in one to three sentences"`
	Tags        []string `json:"tags,omitempty" jsonschema:"lower-case words"`
	Pure        bool     `json:"pure,omitempty" jsonschema:"no I/O, clock, randomness or state"`
	Uses        []string `json:"uses,omitempty" jsonschema:"IDs that a pipeline or an app is composed of"`
	Write       bool     `json:"write,omitempty" jsonschema:"write the files; without it they are only shown"`
	Force       bool     `json:"force,omitempty" jsonschema:"create it even if a near duplicate exists"`
}

type newOut struct {
	ID       string          `json:"id"`
	Written  bool            `json:"written" jsonschema:"whether the files are on disk"`
	Files    []scaffold.File `json:"files" jsonschema:"paths from the root, and texts"`
	Alike    []string        `json:"alike" jsonschema:"IDs of units to look at first"`
	Notes    []string        `json:"notes" jsonschema:"what is left to do"`
	Findings []string        `json:"findings" jsonschema:"what the linter finds in the written files"`
}

func (s *service) new(ctx context.Context, _ *mcp.CallToolRequest, in newIn) (*mcp.CallToolResult, newOut, error) {
	s.make.Lock()
	defer s.make.Unlock()
	defer s.lookAgain()
	if _, err := s.state(ctx); err != nil {
		return nil, newOut{}, err
	}
	m, err := carryOut(ctx, s.r, order{Write: in.Write, Force: in.Force, Draft: scaffold.Draft{
		Name: in.Name, Kind: in.Kind, Domain: in.Domain, Package: in.Package, Signature: in.Signature, Description: in.Description,
		Tags: in.Tags, Pure: in.Pure, Uses: in.Uses,
	}})
	if err != nil {
		return nil, newOut{}, fail(err)
	}
	out := newOut{ID: m.ID, Written: m.Written, Files: m.Files, Alike: m.Alike, Notes: m.Notes, Findings: []string{}}
	for _, f := range m.Findings {
		out.Findings = append(out.Findings, findingLine(f))
	}
	var b strings.Builder
	writeMade(&b, m)
	return text(b.String()), out, nil
}
