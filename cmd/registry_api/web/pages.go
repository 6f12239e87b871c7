package web

import (
	"cmp"
	"fmt"
	"net/url"
	"slices"
	"strconv"

	"fnregistry.dev/cmd/registry_api/markdown"
	"fnregistry.dev/fn_registry/check"
	"fnregistry.dev/fn_registry/registry"
	"fnregistry.dev/functions/infra/page"
)

func (p *Pages) apps(r *request) (answer, error) {
	apps := r.state.Apps()
	return answer{title: "Apps", body: page.PageHTML(func(w *page.PageWriter) {
		w.Element("h1", plural(len(apps), "program"))
		if len(apps) == 0 {
			w.Add(page.PageNotice(page.PageNoticeConfig{
				Kind: "empty", Title: "No spec of kind app was found.", Hint: "fn new --kind app NAME --uses ID,ID composes one",
			}))
		}
		w.Add(page.PageHits(appHits(apps)))
	})}, nil
}

func appHits(apps []registry.App) []page.PageHit {
	var all []page.PageHit
	for _, app := range apps {
		hit := page.PageHit{
			Name: page.PageLink{Text: app.Name, URL: "/units/" + app.ID}, Badges: []string{app.Version}, Text: app.Description,
			Code: app.Run, End: plural(app.Units, "unit") + " in all",
		}
		if app.BinaryMBMax > 0 {
			hit.Badges = append(hit.Badges, fmt.Sprintf("at most %.1f MB", app.BinaryMBMax))
		}
		for _, ref := range app.Uses {
			hit.Tags = append(hit.Tags, page.PageLink{Text: ref.Name, URL: "/units/" + ref.ID, Hint: ref.Description})
		}
		all = append(all, hit)
	}
	return all
}

const (
	mostNodes = 400 // units in a picture; beyond that, packages are drawn
	mostApart = 30  // units drawn with all their lines; more are grouped by package
)

// graph accepts the parameters of the API's graph, and how to draw it: by=unit
// or by=package, and to, a unit whose connection with id is highlighted.
func (p *Pages) graph(r *request) (answer, error) {
	v := graphView{domain: r.get("domain"), direction: r.get("direction"), depth: r.get("depth"), by: r.get("by"), to: r.get("to"), stats: r.state.Stats()}
	if v.by != "" && v.by != "unit" && v.by != "package" {
		return answer{}, &registry.QueryError{Param: "by", Message: "there is no " + strconv.Quote(v.by), Candidates: []string{"unit", "package"}}
	}
	depth := 0
	var err error
	if v.depth != "" {
		if depth, err = strconv.Atoi(v.depth); err != nil || depth < 1 {
			return answer{}, &registry.QueryError{Param: "depth", Message: "it is a number from 1 on"}
		}
	}
	for param, id := range map[string]*string{"id": &v.unit, "to": &v.to} {
		if name := r.get(param); name != "" {
			if *id, err = r.state.Resolve(name); err != nil {
				return answer{}, err
			}
		}
	}
	g, err := r.state.Graph(registry.GraphQuery{ID: v.unit, Domain: v.domain, Depth: depth, Direction: registry.Direction(v.direction)})
	if err != nil {
		return answer{}, err
	}
	v.units, v.edges = len(g.Nodes), len(g.Edges)
	if v.packages = v.units > mostNodes; v.packages {
		v.picture = packages(r.state, g)
	} else {
		v.picture = units(r.state, g, v.unit)
		v.picture.Group = v.by == "package" || v.by == "" && v.units > mostApart
		v.picture.Path = connection(g, v.unit, v.to)
	}
	return answer{title: "Graph", body: page.PageHTML(v.write)}, nil
}

type graphView struct {
	domain, unit, to, direction, depth, by string
	units, edges                           int
	packages                               bool // the nodes are packages
	stats                                  registry.Stats
	picture                                page.PagePictureConfig
}

// query returns the API's URL for the same graph.
func (v graphView) query(format string) string {
	q := url.Values{"format": {format}}
	for name, value := range map[string]string{"id": v.unit, "domain": v.domain, "direction": v.direction, "depth": v.depth} {
		if value != "" {
			q.Set(name, value)
		}
	}
	return "/api/v1/graph?" + q.Encode()
}

func (v graphView) write(w *page.PageWriter) {
	w.Open("h1")
	if v.unit != "" {
		w.Text("Around ")
		w.Element("a", v.unit, "href", "/units/"+v.unit)
	} else {
		w.Text(plural(v.units, "unit") + ", " + plural(v.edges, "use"))
	}
	w.Close("h1")
	w.Add(page.PageForm(v.form()))
	if v.packages {
		w.Add(page.PageNotice(page.PageNoticeConfig{
			Text: "Too many units to be read in one picture: these are their packages. Choose a domain or a unit to see more.",
		}))
	}
	if v.to != "" && v.picture.Path == nil {
		w.Add(page.PageNotice(page.PageNoticeConfig{Text: "No use leads from one of the two to the other."}))
	}
	w.Add(page.PagePicture(v.picture))
	w.Add(page.PageTags("The same graph as", []page.PageLink{
		{Text: "JSON", URL: v.query("json")}, {Text: "DOT", URL: v.query("dot")}, {Text: "Mermaid", URL: v.query("mermaid")},
	}))
}

func (v graphView) form() page.PageFormConfig {
	domain := page.PageFormField{Name: "domain", Label: "domain", Type: "select", Value: v.domain, Options: []page.PageFormOption{{Label: "Any domain"}}}
	for _, d := range v.stats.Domains {
		domain.Options = append(domain.Options, page.PageFormOption{Value: d.Name, Label: d.Name + " (" + strconv.Itoa(d.Count) + ")"})
	}
	return page.PageFormConfig{ID: "graph", Action: "/graph", Compact: true, Submit: "Draw", Fields: []page.PageFormField{
		{Name: "id", Label: "around a unit", Value: v.unit, Example: "around a unit"},
		{Name: "to", Label: "connection to", Value: v.to, Example: "connection to"},
		domain,
		{Name: "by", Label: "drawn by", Type: "select", Value: v.by, Options: []page.PageFormOption{
			{Label: "By package if many"}, {Value: "unit", Label: "By unit"}, {Value: "package", Label: "By package"},
		}},
	}}
}

func unitNode(s *registry.State, n registry.Node) page.PagePictureNode {
	node := page.PagePictureNode{ID: n.ID, Label: n.Name, URL: "/units/" + n.ID, Kind: n.Kind, Hint: n.ID}
	if n.Kind == "function" && n.Purity != "" {
		node.Kind = n.Purity + " function"
	}
	if u := s.Catalog.Unit(n.ID); u != nil {
		node.Group = u.Dir.Path
	}
	return node
}

func units(s *registry.State, g *registry.Graph, middle string) page.PagePictureConfig {
	picture := page.PagePictureConfig{Name: "Units and what they use, from left to right", Middle: middle}
	for _, n := range g.Nodes {
		picture.Nodes = append(picture.Nodes, unitNode(s, n))
	}
	for _, e := range g.Edges {
		picture.Edges = append(picture.Edges, page.PagePictureEdge(e))
	}
	return picture
}

// neighbours is a unit with its users and what it uses.
func neighbours(s *registry.State, g *registry.Graph, middle string) page.PagePictureConfig {
	direct := *g
	direct.Edges = slices.DeleteFunc(slices.Clone(g.Edges), func(e registry.Edge) bool { return e.From != middle && e.To != middle })
	picture := units(s, &direct, middle)
	picture.Name = "What " + middle + " uses, on the right, and who uses it, on the left"
	picture.Hub = -1
	picture.Group = len(g.Nodes) > mostApart
	if len(direct.Edges) == 0 {
		picture.Nodes = nil
	}
	return picture
}

// packages is a graph with too many units for a picture, grouped by folder.
func packages(s *registry.State, g *registry.Graph) page.PagePictureConfig {
	picture := page.PagePictureConfig{Name: "Packages and what they use, from left to right"}
	folder, count := map[string]string{}, map[string]int{}
	for _, n := range g.Nodes {
		if u := s.Catalog.Unit(n.ID); u != nil {
			folder[n.ID] = u.Dir.Path
			count[u.Dir.Path]++
		}
	}
	var names []string
	for name := range count {
		names = append(names, name)
	}
	slices.SortFunc(names, func(a, b string) int { return cmp.Or(cmp.Compare(count[b], count[a]), cmp.Compare(a, b)) })
	for _, name := range names[:min(len(names), mostNodes)] {
		picture.Nodes = append(picture.Nodes, page.PagePictureNode{ID: name, Kind: "package", Hint: plural(count[name], "unit")})
	}
	for _, e := range g.Edges {
		picture.Edges = append(picture.Edges, page.PagePictureEdge{From: folder[e.From], To: folder[e.To]})
	}
	return picture
}

// connection returns a shortest path from one unit to another along the edges,
// or against them; nil if there is none.
func connection(g *registry.Graph, from, to string) []string {
	if from == "" || to == "" {
		return nil
	}
	next := map[string][]string{}
	for _, e := range g.Edges {
		next[e.From] = append(next[e.From], e.To)
	}
	if way := shortest(next, from, to); way != nil {
		return way
	}
	return shortest(next, to, from)
}

func shortest(next map[string][]string, from, to string) []string {
	before := map[string]string{from: ""}
	for queue := []string{from}; len(queue) > 0; queue = queue[1:] {
		if queue[0] == to {
			var way []string
			for at := to; at != ""; at = before[at] {
				way = append(way, at)
			}
			slices.Reverse(way)
			return way
		}
		for _, id := range next[queue[0]] {
			if _, seen := before[id]; !seen {
				before[id] = queue[0]
				queue = append(queue, id)
			}
		}
	}
	return nil
}

// mostFindings is how many findings one page lists.
const mostFindings = 500

func (p *Pages) findings(r *request) (answer, error) {
	all, err := r.state.Findings(r.Context())
	if err != nil {
		return answer{}, err
	}
	q := registry.FindingsQuery{Rule: r.get("rule"), Severity: check.Severity(r.get("severity")), Unit: r.get("unit"), Domain: r.get("domain"), File: r.get("file")}
	shown, err := r.state.FilterFindings(all, q)
	if err != nil {
		return answer{}, err
	}
	v := findingsView{rule: q.Rule, total: len(all), matching: len(shown), counts: registry.CountRules(all)}
	v.shown = min(len(shown), mostFindings)
	if v.groups, err = grouped(shown[:v.shown]); err != nil {
		return answer{}, err
	}
	if v.rule != "" {
		if v.explained, err = check.Named(v.rule); err != nil {
			return answer{}, err
		}
	}
	return answer{title: "Findings", body: page.PageHTML(v.write)}, nil
}

type findingsView struct {
	rule                   string
	explained              *check.Rule // of rule
	total, matching, shown int
	counts                 []registry.Count
	groups                 []findingGroup
}

func (v findingsView) write(w *page.PageWriter) {
	if v.total == 0 {
		w.Element("h1", "No findings")
		w.Add(page.PageNotice(page.PageNoticeConfig{Kind: "empty", Title: "Every spec matches its code."}))
	} else {
		w.Element("h1", plural(v.matching, "finding"))
		w.Add(page.PageTags("Rules", v.rules()))
	}
	if v.explained != nil {
		w.Open("section", "class", "body")
		w.Element("h2", v.explained.Summary)
		w.Raw(markdown.HTML(v.explained.Explanation))
		w.Close("section")
	}
	for _, g := range v.groups {
		if v.explained == nil {
			w.Open("h2")
			w.Element("a", g.rule.Name, "href", "/findings?rule="+g.rule.Name)
			w.Text(" ")
			w.Element("span", string(g.rule.Severity), "class", "badge")
			w.Close("h2")
			w.Element("p", g.rule.Summary, "class", "quiet")
		}
		w.Add(page.PageTable(g.table))
	}
	if v.matching > v.shown {
		w.Open("p")
		w.Text("The first " + strconv.Itoa(v.shown) + " are shown; ")
		w.Element("a", "the API", "href", "/api/v1/findings")
		w.Text(" lists all.")
		w.Close("p")
	}
}

// rules are those with findings.
func (v findingsView) rules() []page.PageLink {
	var all []page.PageLink
	if v.rule != "" {
		all = append(all, page.PageLink{Text: "all (" + strconv.Itoa(v.total) + ")", URL: "/findings"})
	}
	for _, c := range v.counts {
		all = append(all, page.PageLink{
			Text: c.Name + " (" + strconv.Itoa(c.Count) + ")", URL: "/findings?rule=" + c.Name, Current: c.Name == v.rule,
		})
	}
	return all
}

// findingGroup is the findings of one rule.
type findingGroup struct {
	rule  *check.Rule
	table page.PageTableConfig
}

// grouped groups findings by rule, rules with most findings first.
func grouped(all []check.Finding) ([]findingGroup, error) {
	var groups []findingGroup
	for _, c := range registry.CountRules(all) {
		rule, err := check.Named(c.Name)
		if err != nil {
			return nil, err
		}
		table := page.PageTableConfig{
			ID: c.Name, Name: plural(c.Count, "finding") + " of " + c.Name,
			Columns: []page.PageTableColumn{{Name: "Where"}, {Name: "What"}, {Name: "Fixed by"}},
		}
		for _, f := range all {
			if f.Rule != c.Name {
				continue
			}
			where := f.File + ":" + strconv.Itoa(f.Line) + ":" + strconv.Itoa(f.Column)
			row := []any{where, f.Message, "you"}
			if f.Unit != "" {
				row[0] = page.PageLink{Text: where, URL: "/units/" + f.Unit}
			}
			if f.Fix != nil {
				row[2] = "-fix"
			}
			table.Rows = append(table.Rows, row)
		}
		groups = append(groups, findingGroup{rule, table})
	}
	return groups, nil
}
