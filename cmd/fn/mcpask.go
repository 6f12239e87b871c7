package main

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/modelcontextprotocol/go-sdk/mcp"

	"fnregistry.dev/fn_registry/registry"
	"fnregistry.dev/fn_registry/spec"
)

// unitOut is a unit in a list.
type unitOut struct {
	ID          string   `json:"id" jsonschema:"the unit's ID"`
	Kind        string   `json:"kind" jsonschema:"function, type, pipeline or app"`
	Purity      string   `json:"purity,omitempty" jsonschema:"pure or impure"`
	Signature   string   `json:"signature,omitempty" jsonschema:"the Go declaration"`
	Description string   `json:"description" jsonschema:"what it does"`
	FilePath    string   `json:"file_path" jsonschema:"the Go file, from the repository's root"`
	Users       int      `json:"users" jsonschema:"how many units and programs use it"`
	Score       float64  `json:"score" jsonschema:"how well it fits; only for comparison"`
	Why         []string `json:"why" jsonschema:"for each word that it has, how: subprocess as process (synonym) in name, tags"`
}

func unitOf(it registry.Item) unitOut {
	return unitOut{
		ID:          it.ID,
		Kind:        it.Kind,
		Purity:      it.Purity,
		Signature:   it.Signature,
		Description: it.Description,
		FilePath:    it.FilePath,
		Users:       it.Users,
		Score:       it.Score,
		Why:         it.Why,
	}
}

type findIn struct {
	Query  string   `json:"query,omitempty" jsonschema:"words, a signature, or field words (kind, domain, tag, purity, tested, imports, uses, used_by); empty: all units that pass the other conditions"`
	Kind   []string `json:"kind,omitempty" jsonschema:"only of these kinds: function, type, pipeline, app"`
	Domain []string `json:"domain,omitempty" jsonschema:"only of these domains"`
	Tag    []string `json:"tag,omitempty" jsonschema:"only with all of these tags"`
	Purity string   `json:"purity,omitempty" jsonschema:"pure or impure"`
	Limit  int      `json:"limit,omitempty" jsonschema:"how many units at most; default 10"`
}

type findOut struct {
	Total    int       `json:"total" jsonschema:"how many units match"`
	Partial  bool      `json:"partial" jsonschema:"no unit has all the words; these have some of them"`
	Units    []unitOut `json:"units" jsonschema:"the best of them"`
	Problems []string  `json:"problems" jsonschema:"parts of the query that were not understood"`
}

func (s *service) find(ctx context.Context, _ *mcp.CallToolRequest, in findIn) (*mcp.CallToolResult, findOut, error) {
	state, err := s.state(ctx)
	if err != nil {
		return nil, findOut{}, err
	}
	q := registry.Query{Text: in.Query, Kind: in.Kind, Domain: in.Domain, Tag: in.Tag, Limit: in.Limit}
	if in.Purity != "" {
		q.Purity = []string{in.Purity}
	}
	if q.Limit == 0 {
		q.Limit = findLimit
	}
	page, err := state.Find(q)
	if err != nil {
		return nil, findOut{}, fail(named(err, "q", "query"))
	}
	out := findOut{Total: page.Total, Partial: page.Partial, Units: []unitOut{}, Problems: problems(page)}
	for _, it := range page.Items {
		out.Units = append(out.Units, unitOf(it))
	}
	var b strings.Builder
	for _, note := range append(problems(page), understood(page)...) {
		b.WriteString(note + "\n")
	}
	if page.Total > 0 {
		fmt.Fprintf(&b, "%d of %s\n\n", len(page.Items), plural(page.Total, "unit"))
	}
	writePage(&b, page)
	return text(b.String()), out, nil
}

// named renames a part of a question to this tool's name, if the HTTP API's
// differs.
func named(err error, theirs, ours string) error {
	if wrong, ok := errors.AsType[*registry.QueryError](err); ok && wrong.Param == theirs {
		renamed := *wrong
		renamed.Param = ours
		return &renamed
	}
	return err
}

type idIn struct {
	ID string `json:"id" jsonschema:"the unit: its ID (error_code_go_core), its name (error_code) or its Go symbol (core.ErrorCode)"`
}

type showOut struct {
	unitOut
	ImportPath string       `json:"import_path" jsonschema:"what to import"`
	Package    string       `json:"package" jsonschema:"the package's name"`
	Symbol     string       `json:"symbol" jsonschema:"what to call or name in that package"`
	Line       int          `json:"line" jsonschema:"of the declaration"`
	SpecFile   string       `json:"spec_file" jsonschema:"the spec, from the repository's root"`
	Params     []spec.Param `json:"params" jsonschema:"the parameters, or fields of a config struct as cfg.Field"`
	Output     string       `json:"output" jsonschema:"what comes back"`
	ErrorType  string       `json:"error_type" jsonschema:"ID of the error type, or empty"`
	Tests      []string     `json:"tests" jsonschema:"names of its tests"`
	Uses       []string     `json:"uses" jsonschema:"IDs of the units that it uses directly"`
	UsedBy     []string     `json:"used_by" jsonschema:"IDs of the units that use it directly"`
	Apps       []string     `json:"apps" jsonschema:"IDs of the programs that it is part of"`
	Body       string       `json:"body" jsonschema:"Markdown: example, when to use, gotchas"`
	Findings   []string     `json:"findings" jsonschema:"what the linter finds wrong with it"`
	Bytes      *int64       `json:"bytes" jsonschema:"what it adds to a small server's binary, of a program its size; null until it has been measured as it is now"`
}

func (s *service) show(ctx context.Context, _ *mcp.CallToolRequest, in idIn) (*mcp.CallToolResult, showOut, error) {
	state, err := s.state(ctx)
	if err != nil {
		return nil, showOut{}, err
	}
	id, err := state.Resolve(in.ID)
	if err != nil {
		return nil, showOut{}, fail(err)
	}
	d, err := state.Get(id)
	if err != nil {
		return nil, showOut{}, fail(err)
	}
	out := showOut{
		unitOut: unitOf(d.Item), ImportPath: d.ImportPath, Package: d.Package, Symbol: d.Symbol, Line: d.Line, SpecFile: d.SpecFile, Params: d.Spec.Params,
		Output: d.Spec.Output, ErrorType: d.Spec.ErrorType, Tests: d.Spec.Tests, Uses: idsOf(d.Uses), UsedBy: idsOf(d.UsedBy), Apps: d.Apps,
		Body: d.Body.Markdown, Findings: []string{}, Bytes: d.Bytes,
	}
	for _, f := range d.Findings {
		out.Findings = append(out.Findings, findingLine(f))
	}
	var b strings.Builder
	writeDetail(&b, d)
	return text(b.String()), out, nil
}

func idsOf(refs []registry.Ref) []string {
	ids := []string{}
	for _, r := range refs {
		ids = append(ids, r.ID)
	}
	return ids
}

type similarIn struct {
	Description string   `json:"description,omitempty" jsonschema:"what it does, in one sentence"`
	Signature   string   `json:"signature,omitempty" jsonschema:"its Go signature as far as you know it: func(attempt int) time.Duration"`
	Name        string   `json:"name,omitempty" jsonschema:"the planned name"`
	Tags        []string `json:"tags,omitempty" jsonschema:"lower-case words that it would be found under"`
}

type similarOut struct {
	Advice  string    `json:"advice" jsonschema:"use: one of these does it; look: one may do it; write: nothing does it yet"`
	Message string    `json:"message" jsonschema:"the advice as a sentence"`
	Use     []string  `json:"use" jsonschema:"IDs of the units to use instead of writing a new one"`
	Units   []unitOut `json:"units" jsonschema:"the units most alike, with score from 0 to 1"`
}

func (s *service) similar(
	ctx context.Context,
	_ *mcp.CallToolRequest,
	in similarIn,
) (*mcp.CallToolResult, similarOut, error) {
	state, err := s.state(ctx)
	if err != nil {
		return nil, similarOut{}, err
	}
	found, err := state.Similar(
		registry.Draft{Name: in.Name, Signature: in.Signature, Description: in.Description, Tags: in.Tags},
		0,
	)
	if err != nil {
		return nil, similarOut{}, fail(err)
	}
	out := similarOut{Advice: string(found.Advice), Message: found.Message, Use: found.Use, Units: []unitOut{}}
	for _, it := range found.Items {
		out.Units = append(out.Units, unitOf(it.Item))
	}
	var b strings.Builder
	writeSimilar(&b, found)
	return text(b.String()), out, nil
}
