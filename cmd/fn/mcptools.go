package main

import (
	"context"
	"fmt"
	"strings"

	"github.com/modelcontextprotocol/go-sdk/mcp"

	"fnregistry.dev/fn_registry/registry"
	"fnregistry.dev/fn_registry/scaffold"
	"fnregistry.dev/fn_registry/spec"
)

func (s *service) addTools(server *mcp.Server) {
	addTool(server, "find", "Find units", `Find units by words ("retry backoff"; typing errors are forgiven), by the shape of a signature ("func(string) (int, error)": `+
		`arguments in any order, _ for any type), or by field words ("tag:sql purity:pure"). Best first. Call it before you write a helper.`, s.find)
	addTool(server, "show", "Show a unit", `Show one unit whole: signature, import path, parameters, result, example, when to use it, gotchas, tests, what it uses and who uses it, `+
		`findings of the linter. Read it before you call the unit.`, s.show)
	addTool(server, "similar", "Find near duplicates", `Say what you are about to write (description, signature, name) and get the units that do it already, with the advice to use one, to look `+
		`at one first, or to write.`, s.similar)
	addTool(server, "uses", "What a unit needs", "List all units that a unit's code reaches, nearest first.", s.uses)
	addTool(server, "impact", "What a change may break", "List all units and programs whose code reaches a unit, nearest first: what may break when it changes. Call it before you change a unit.", s.impact)
	addTool(server, "graph", "Graph of uses", "Give the graph of uses around a unit, or the whole one, as Mermaid, DOT or JSON text.", s.graph)
	no := false
	mcp.AddTool(server, &mcp.Tool{Name: "new", Title: "Make a unit",
		Description: `Make a unit or a program: Go file, spec and test that compile and pass the linter. Without write it only shows the files. What exists is never overwritten, ` +
			`and what nearly exists is refused with the units to use instead. The function refuses every call until you write its body; then replace its test and the spec's texts.`,
		Annotations: &mcp.ToolAnnotations{DestructiveHint: &no, OpenWorldHint: &no},
	}, s.new)
}

// addTool adds a tool that only reads.
func addTool[In, Out any](server *mcp.Server, name, title, description string, handler mcp.ToolHandlerFor[In, Out]) {
	no := false
	mcp.AddTool(server, &mcp.Tool{Name: name, Title: title, Description: description,
		Annotations: &mcp.ToolAnnotations{ReadOnlyHint: true, IdempotentHint: true, OpenWorldHint: &no}}, handler)
}

// unitOut is a unit of a list.
type unitOut struct {
	ID          string  `json:"id" jsonschema:"the unit's ID"`
	Kind        string  `json:"kind" jsonschema:"function, type, pipeline or app"`
	Purity      string  `json:"purity,omitempty" jsonschema:"pure or impure"`
	Signature   string  `json:"signature,omitempty" jsonschema:"the Go declaration"`
	Description string  `json:"description" jsonschema:"what it does"`
	FilePath    string  `json:"file_path" jsonschema:"the Go file, from the repository's root"`
	Users       int     `json:"users" jsonschema:"how many units and programs use it"`
	Score       float64 `json:"score" jsonschema:"how well it fits; only for comparison"`
}

func unitOf(it registry.Item) unitOut {
	return unitOut{ID: it.ID, Kind: it.Kind, Purity: it.Purity, Signature: it.Signature, Description: it.Description, FilePath: it.FilePath, Users: it.Users, Score: it.Score}
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

// findLimit keeps an agent's context small.
const findLimit = 10

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
		return nil, findOut{}, fail(err)
	}
	out := findOut{Total: page.Total, Partial: page.Partial, Units: []unitOut{}, Problems: []string{}}
	for _, it := range page.Items {
		out.Units = append(out.Units, unitOf(it))
	}
	for _, p := range page.Problems {
		out.Problems = append(out.Problems, p.Text+": "+p.Message)
	}
	var b strings.Builder
	switch {
	case page.Total == 0:
		b.WriteString("nothing found\n")
	case page.Partial:
		fmt.Fprintf(&b, "no unit has all of these words; %s some of them\n\n", have(page.Total))
	default:
		fmt.Fprintf(&b, "%d of %s\n\n", len(page.Items), plural(page.Total, "unit"))
	}
	writePage(&b, page)
	for _, p := range out.Problems {
		b.WriteString(p + "\n")
	}
	return text(b.String()), out, nil
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
		Body: d.Body.Markdown, Findings: []string{},
	}
	for _, f := range d.Findings {
		out.Findings = append(out.Findings, fmt.Sprintf("%s:%d:%d: %s: %s", f.File, f.Line, f.Column, f.Rule, f.Message))
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
	Description string   `json:"description,omitempty" jsonschema:"what it is to do, in a sentence"`
	Signature   string   `json:"signature,omitempty" jsonschema:"its Go signature as far as you know it: func(attempt int) time.Duration"`
	Name        string   `json:"name,omitempty" jsonschema:"the name that it is to have"`
	Tags        []string `json:"tags,omitempty" jsonschema:"lower-case words that it would be found under"`
}

type similarOut struct {
	Advice  string    `json:"advice" jsonschema:"use: one of these does it; look: one may do it; write: nothing does it yet"`
	Message string    `json:"message" jsonschema:"the advice as a sentence"`
	Use     []string  `json:"use" jsonschema:"IDs of the units to use instead of writing a new one"`
	Units   []unitOut `json:"units" jsonschema:"the units most alike, with score from 0 to 1"`
}

func (s *service) similar(ctx context.Context, _ *mcp.CallToolRequest, in similarIn) (*mcp.CallToolResult, similarOut, error) {
	state, err := s.state(ctx)
	if err != nil {
		return nil, similarOut{}, err
	}
	found, err := state.Similar(registry.Draft{Name: in.Name, Signature: in.Signature, Description: in.Description, Tags: in.Tags}, 0)
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

type reachOut struct {
	ID    string       `json:"id"`
	Total int          `json:"total"`
	Units []reachedOut `json:"units" jsonschema:"nearest first"`
	Apps  []string     `json:"apps" jsonschema:"IDs of the programs among them"`
}

type reachedOut struct {
	ID    string `json:"id"`
	Kind  string `json:"kind"`
	Depth int    `json:"depth" jsonschema:"1: directly"`
	Via   string `json:"via" jsonschema:"ID of the unit before it on the way"`
}

func (s *service) uses(ctx context.Context, _ *mcp.CallToolRequest, in idIn) (*mcp.CallToolResult, reachOut, error) {
	return s.reach(ctx, in.ID, usesTitle, (*registry.State).Dependencies)
}

func (s *service) impact(ctx context.Context, _ *mcp.CallToolRequest, in idIn) (*mcp.CallToolResult, reachOut, error) {
	return s.reach(ctx, in.ID, impactTitle, (*registry.State).Dependents)
}

func (s *service) reach(ctx context.Context, named string, title func(*registry.Reach) string, follow reachFunc) (*mcp.CallToolResult, reachOut, error) {
	state, err := s.state(ctx)
	if err != nil {
		return nil, reachOut{}, err
	}
	r, err := reach(state, named, follow)
	if err != nil {
		return nil, reachOut{}, fail(err)
	}
	out := reachOut{ID: r.ID, Total: r.Total, Units: []reachedOut{}, Apps: r.Apps}
	for _, it := range r.Items {
		out.Units = append(out.Units, reachedOut{it.ID, it.Kind, it.Depth, it.Via})
	}
	var b strings.Builder
	b.WriteString(title(r) + "\n")
	writeTree(&b, r)
	return text(b.String()), out, nil
}

type graphIn struct {
	ID        string `json:"id,omitempty" jsonschema:"the unit in the middle; empty: the whole graph"`
	Depth     int    `json:"depth,omitempty" jsonschema:"steps from it; default: all"`
	Direction string `json:"direction,omitempty" jsonschema:"uses or used_by; default: both"`
	Format    string `json:"format,omitempty" jsonschema:"mermaid (default), dot or json"`
}

type graphOut struct {
	Nodes int    `json:"nodes"`
	Edges int    `json:"edges"`
	Graph string `json:"graph" jsonschema:"the graph in the format that was asked for"`
}

func (s *service) graph(ctx context.Context, _ *mcp.CallToolRequest, in graphIn) (*mcp.CallToolResult, graphOut, error) {
	state, err := s.state(ctx)
	if err != nil {
		return nil, graphOut{}, err
	}
	format, err := graphFormat(in.Format)
	if err != nil {
		return nil, graphOut{}, fail(err)
	}
	g, err := around(state, in.ID, registry.GraphQuery{Depth: in.Depth, Direction: registry.Direction(in.Direction)})
	if err != nil {
		return nil, graphOut{}, fail(err)
	}
	var b strings.Builder
	if err := writeGraph(&b, g, format); err != nil {
		return nil, graphOut{}, err
	}
	return text(b.String()), graphOut{Nodes: len(g.Nodes), Edges: len(g.Edges), Graph: b.String()}, nil
}

type newIn struct {
	Name        string   `json:"name" jsonschema:"snake_case: slug_make becomes SlugMake in slug_make.go"`
	Domain      string   `json:"domain,omitempty" jsonschema:"the domain, as core or infra; may be left out for an app"`
	Kind        string   `json:"kind,omitempty" jsonschema:"function (default), type, pipeline (composes units) or app (a program)"`
	Package     string   `json:"package,omitempty" jsonschema:"a package of the domain, there or new, or a folder from the root; default: the domain's own"`
	Signature   string   `json:"signature,omitempty" jsonschema:"Go declaration, with or without the name: func(title string, max int) (string, error)"`
	Description string   `json:"description,omitempty" jsonschema:"what it is to do, in one to three sentences"`
	Tags        []string `json:"tags,omitempty" jsonschema:"lower-case words"`
	Pure        bool     `json:"pure,omitempty" jsonschema:"no I/O, clock, randomness or state"`
	Uses        []string `json:"uses,omitempty" jsonschema:"IDs that a pipeline or an app is composed of"`
	Write       bool     `json:"write,omitempty" jsonschema:"write the files; without it they are only shown"`
	Force       bool     `json:"force,omitempty" jsonschema:"make it although something nearly the same exists"`
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
		out.Findings = append(out.Findings, fmt.Sprintf("%s:%d:%d: %s: %s", f.File, f.Line, f.Column, f.Rule, f.Message))
	}
	var b strings.Builder
	writeMade(&b, m)
	return text(b.String()), out, nil
}

func text(s string) *mcp.CallToolResult {
	return &mcp.CallToolResult{Content: []mcp.Content{&mcp.TextContent{Text: s}}}
}
