package web

import (
	"fmt"
	"net/http"
	"slices"
	"strings"

	"fnregistry.dev/fn_registry/check"
	"fnregistry.dev/fn_registry/registry"
	"github.com/a-h/templ"
)

const pageSize = 30

// search is the first page: all units, or those that the query finds.
func (p *Pages) search(r *request) (templ.Component, error) {
	q := registry.Query{
		Text: r.get("q"), Kind: values(r, "kind"), Domain: values(r, "domain"), Purity: values(r, "purity"), Tag: values(r, "tag"),
		Limit: pageSize, Cursor: r.get("cursor"),
	}
	switch r.get("tested") {
	case "true", "false":
		yes := r.get("tested") == "true"
		q.Tested = &yes
	}
	page, err := r.state.Find(q)
	if err != nil {
		return nil, err
	}
	v := resultsView{request: r, page: page, stats: r.state.Stats()}
	if r.Header.Get("X-Fragment") == "results" {
		return results(v), nil
	}
	if prefers(r.Request) == "text/markdown" {
		return v.markdown(), nil
	}
	title := "Units"
	if q.Text != "" {
		title = q.Text
	}
	return titled{searchPage(v), title}, nil
}

func values(r *request, name string) []string {
	return slices.DeleteFunc(slices.Clone(r.form[name]), func(s string) bool { return s == "" })
}

// resultsView is a page of results.
type resultsView struct {
	request *request
	page    *registry.Page
	stats   registry.Stats
}

// more is the address of the next page, or "".
func (v resultsView) more() string {
	if v.page.NextCursor == nil {
		return ""
	}
	form := cloneForm(v.request.form)
	form.Set("cursor", *v.page.NextCursor)
	return "/?" + form.Encode()
}

func (v resultsView) markdown() markdownText {
	var b strings.Builder
	fmt.Fprintf(&b, "# %d of %d units\n\n", len(v.page.Items), v.page.Total)
	for _, problem := range v.page.Problems {
		fmt.Fprintf(&b, "%s\n\n", problem)
	}
	for _, it := range v.page.Items {
		fmt.Fprintf(&b, "- [%s](/units/%s): %s\n  `%s`\n", it.ID, it.ID, it.Description, it.Signature)
		if len(it.Why) > 0 {
			fmt.Fprintf(&b, "  found by %s\n", strings.Join(it.Why, "; "))
		}
	}
	if more := v.more(); more != "" {
		fmt.Fprintf(&b, "\n[more](%s)\n", more)
	}
	return markdownText(b.String())
}

// unit is one unit's page. Who wants Markdown gets the body with the facts before it.
func (p *Pages) unit(r *request) (templ.Component, error) {
	d, err := r.state.Get(r.PathValue("id"))
	if err != nil {
		return nil, err
	}
	if prefers(r.Request) == "text/markdown" {
		return unitMarkdown(d), nil
	}
	dependents, err := r.state.Dependents(d.ID)
	if err != nil {
		return nil, err
	}
	around, err := r.state.Graph(registry.GraphQuery{ID: d.ID, Depth: 1})
	if err != nil {
		return nil, err
	}
	return titled{unitPage(unitView{
		Detail: d, dependents: dependents, picture: around1(around, d.ID),
		exists: func(id string) bool { return id != d.ID && r.state.Catalog.Unit(id) != nil },
	}), d.Name}, nil
}

type unitView struct {
	*registry.Detail
	dependents *registry.Reach
	picture    *picture
	exists     func(id string) bool
}

func unitMarkdown(d *registry.Detail) markdownText {
	var b strings.Builder
	fmt.Fprintf(&b, "# %s\n\n%s\n\n```go\n%s\n```\n\n", d.ID, d.Description, d.Signature)
	fmt.Fprintf(&b, "%s, %s, version %s, in %s (import %q)\n\n", d.Kind, orUnknown(d.Purity), d.Version, d.FilePath, d.ImportPath)
	if len(d.Spec.Params) > 0 {
		b.WriteString("## Parameters\n\n")
		for _, param := range d.Spec.Params {
			fmt.Fprintf(&b, "- `%s`: %s\n", param.Name, param.Desc)
		}
		b.WriteString("\n")
	}
	if d.Spec.Output != "" {
		fmt.Fprintf(&b, "## Output\n\n%s\n\n", d.Spec.Output)
	}
	for _, s := range d.Body.Sections {
		if strings.TrimSpace(s.Markdown) == "" {
			continue
		}
		fmt.Fprintf(&b, "## %s\n\n%s\n\n", s.Heading, strings.TrimSpace(s.Markdown))
	}
	fmt.Fprintf(&b, "## Graph\n\nUses: %s\n\nUsed by: %s\n", refList(d.Uses), refList(d.UsedBy))
	return markdownText(b.String())
}

func refList(refs []registry.Ref) string {
	if len(refs) == 0 {
		return "nothing"
	}
	var all []string
	for _, r := range refs {
		all = append(all, "["+r.ID+"](/units/"+r.ID+")")
	}
	return strings.Join(all, ", ")
}

func orUnknown(s string) string {
	if s == "" {
		return "of unknown purity"
	}
	return s
}

func (p *Pages) apps(r *request) (templ.Component, error) {
	return titled{appsPage(r.state.Apps()), "Apps"}, nil
}

// mostNodes is how many units a picture holds before it is drawn by packages: beyond it nobody can read one.
const mostNodes = 250

func (p *Pages) graph(r *request) (templ.Component, error) {
	v := graphView{domain: r.get("domain"), unit: r.get("unit"), stats: r.state.Stats()}
	if v.unit != "" {
		id, err := r.state.Resolve(v.unit)
		if err != nil {
			return nil, err
		}
		v.unit = id
	}
	g, err := r.state.Graph(registry.GraphQuery{ID: v.unit, Domain: v.domain})
	if err != nil {
		return nil, err
	}
	v.units, v.edges = len(g.Nodes), len(g.Edges)
	if v.units > mostNodes {
		v.byPackage = true
		v.picture = drawPackages(r.state, g)
	} else {
		v.picture = drawUnits(g, v.unit)
	}
	return titled{graphPage(v), "Graph"}, nil
}

type graphView struct {
	domain, unit string
	units, edges int
	byPackage    bool
	stats        registry.Stats
	picture      *picture
}

// query is the graph's part of an API address that asks for the same graph.
func (v graphView) query(format string) string {
	q := "/api/v1/graph?format=" + format
	if v.unit != "" {
		q += "&id=" + v.unit
	}
	if v.domain != "" {
		q += "&domain=" + v.domain
	}
	return q
}

// mostFindings is how many findings one page lists.
const mostFindings = 500

func (p *Pages) findings(r *request) (templ.Component, error) {
	all, err := r.state.Findings(r.Context())
	if err != nil {
		return nil, err
	}
	v := findingsView{rule: r.get("rule"), total: len(all), counts: registry.CountRules(all)}
	if v.shown, err = r.state.FilterFindings(all, registry.FindingsQuery{Rule: v.rule}); err != nil {
		return nil, err
	}
	v.matching = len(v.shown)
	v.shown = v.shown[:min(len(v.shown), mostFindings)]
	if v.rule != "" {
		if v.explained, err = check.Named(v.rule); err != nil {
			return nil, err
		}
	}
	return titled{findingsPage(v), "Findings"}, nil
}

type findingsView struct {
	rule            string
	explained       *check.Rule // of rule
	total, matching int
	counts          []registry.Count
	shown           []check.Finding
}

var _ http.Handler = (*assets)(nil)
