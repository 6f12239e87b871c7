package main

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/modelcontextprotocol/go-sdk/mcp"

	"fnregistry.dev/fn_registry/catalog"
	"fnregistry.dev/fn_registry/check"
	"fnregistry.dev/fn_registry/registry"
)

type lintIn struct {
	ID   string `json:"id,omitempty" jsonschema:"only of this unit; empty: of all"`
	Rule string `json:"rule,omitempty" jsonschema:"only of this rule"`
}

type lintOut struct {
	Total    int      `json:"total" jsonschema:"how many findings there are"`
	Fixable  int      `json:"fixable" jsonschema:"how many of them fix can fix"`
	Findings []string `json:"findings" jsonschema:"the first 100: file:line:column: rule: message"`
}

// maxFindings keeps an agent's context small.
const maxFindings = 100

func (s *service) lint(ctx context.Context, _ *mcp.CallToolRequest, in lintIn) (*mcp.CallToolResult, lintOut, error) {
	state, err := s.state(ctx)
	if err != nil {
		return nil, lintOut{}, err
	}
	found, err := chosen(ctx, state, in)
	if err != nil {
		return nil, lintOut{}, fail(err)
	}
	out := lintOut{Total: len(found), Findings: []string{}}
	for i, f := range found {
		if f.Fix != nil {
			out.Fixable++
		}
		if i < maxFindings {
			out.Findings = append(out.Findings, findingLine(f))
		}
	}
	return text(fmt.Sprintf("%s, %d fixable\n", plural(out.Total, "finding"), out.Fixable) + findingLines(out.Findings)), out, nil
}

type fixOut struct {
	Files    []string `json:"files" jsonschema:"the files that were changed, from the repository's root"`
	Findings []string `json:"findings" jsonschema:"what is left, the first 100"`
}

// fix writes derived values into the specs, like frontmatter-lint -fix.
func (s *service) fix(ctx context.Context, _ *mcp.CallToolRequest, in lintIn) (*mcp.CallToolResult, fixOut, error) {
	s.make.Lock()
	defer s.make.Unlock()
	out := fixOut{Files: []string{}, Findings: []string{}}
	look := func() (*catalog.Catalog, []check.Finding, error) {
		state, err := s.state(ctx)
		if err != nil {
			return nil, nil, err
		}
		found, err := chosen(ctx, state, in)
		return state.Catalog, found, err
	}
	_, found, err := check.Mend(look, func(changes []check.Change) {
		s.lookAgain()
		for _, c := range changes {
			if !slices.Contains(out.Files, c.File) {
				out.Files = append(out.Files, c.File)
			}
		}
	})
	if err != nil {
		return nil, fixOut{}, fail(err)
	}
	for _, f := range found[:min(len(found), maxFindings)] {
		out.Findings = append(out.Findings, findingLine(f))
	}
	return text(fmt.Sprintf("%s changed\n%s%s left\n%s", plural(len(out.Files), "file"), findingLines(out.Files),
		plural(len(found), "finding"), findingLines(out.Findings))), out, nil
}

// chosen returns the linter's findings, of one unit or rule if named.
func chosen(ctx context.Context, state *registry.State, in lintIn) ([]check.Finding, error) {
	q := registry.FindingsQuery{Rule: in.Rule}
	if in.ID != "" {
		id, err := state.Resolve(in.ID)
		if err != nil {
			return nil, err
		}
		q.Unit = id
	}
	all, err := state.Findings(ctx)
	if err != nil {
		return nil, err
	}
	return state.FilterFindings(all, q)
}

func findingLines(all []string) string {
	if len(all) == 0 {
		return ""
	}
	return strings.Join(all, "\n") + "\n"
}
