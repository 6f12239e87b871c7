package web

import (
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"fnregistry.dev/fn_registry/registry"
	"fnregistry.dev/functions/infra/page"
)

const pageSize = 30

// search is the first page: all units, or those that the query finds.
func (p *Pages) search(r *request) (answer, error) {
	q := registry.Query{
		Text: r.get("q"), Kind: values(r, "kind"), Domain: values(r, "domain"), Purity: values(r, "purity"), Tag: values(r, "tag"),
		Limit: pageSize, Cursor: r.get("cursor"),
	}
	if tested := r.get("tested"); tested != "" {
		yes, err := strconv.ParseBool(tested)
		if err != nil {
			return answer{}, &registry.QueryError{Param: "tested", Message: "it is neither true nor false", Candidates: []string{"true", "false"}}
		}
		q.Tested = &yes
	}
	found, err := r.state.Find(q)
	if err != nil {
		return answer{}, err
	}
	v := resultsView{request: r, page: found, stats: r.state.Stats()}
	if r.Header.Get("X-Fragment") == "results" {
		return answer{body: page.PageHTML(v.results)}, nil
	}
	if prefers(r.Request) == asMarkdown {
		return answer{markdown: v.markdown()}, nil
	}
	title := "Units"
	if q.Text != "" {
		title = q.Text
	}
	return answer{title: title, body: page.PageHTML(v.write)}, nil
}

// palette answers the palette's input with units.
func (p *Pages) palette(r *request) (answer, error) {
	found, err := r.state.Find(registry.Query{Text: r.get("q"), Limit: 8})
	if err != nil {
		return answer{}, err
	}
	list := []page.PageLink{}
	for _, it := range found.Items {
		list = append(list, page.PageLink{Text: it.ID, URL: "/units/" + it.ID, Hint: it.Description})
	}
	return answer{json: list}, nil
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

// form is the search form with its filters. The script fetches only the
// results.
func (v resultsView) form() page.PageFormConfig {
	impure := v.stats.Units - v.stats.Pure
	untested := v.stats.Units - v.stats.Tested
	form := page.PageFormConfig{ID: "search", Action: "/", Compact: true, Results: "results", Submit: "Search", Fields: []page.PageFormField{
		{
			Name: "q", Label: "Search units", Type: "search", Value: v.request.get("q"), Focus: true,
			Example: "Words, tag:http purity:pure, or func(context.Context, *sql.DB) error",
		},
		v.choice("kind", "Any kind", v.stats.Kinds),
		v.choice("domain", "Any domain", v.stats.Domains),
		v.choice("purity", "Pure or not", []registry.Count{{Name: "pure", Count: v.stats.Pure}, {Name: "impure", Count: impure}}),
		{Name: "tested", Label: "tested", Type: "select", Value: v.request.get("tested"), Options: []page.PageFormOption{
			{Label: "Tested or not"},
			{Value: "true", Label: fmt.Sprintf("tested (%d)", v.stats.Tested)},
			{Value: "false", Label: fmt.Sprintf("untested (%d)", untested)},
		}},
	}}
	for _, tag := range v.request.form["tag"] {
		form.Fields = append(form.Fields, page.PageFormField{Name: "tag", Type: "hidden", Value: tag})
	}
	return form
}

// choice is a filter by one of the most frequent values.
func (v resultsView) choice(name, all string, counts []registry.Count) page.PageFormField {
	const most = 40
	f := page.PageFormField{Name: name, Label: name, Type: "select", Value: v.request.get(name), Options: []page.PageFormOption{{Label: all}}}
	for i, c := range counts {
		if i < most || c.Name == f.Value {
			f.Options = append(f.Options, page.PageFormOption{Value: c.Name, Label: fmt.Sprintf("%s (%d)", c.Name, c.Count)})
		}
	}
	return f
}

// tags are the most frequent ones, and the selected ones.
func (v resultsView) tags() []page.PageLink {
	const most = 18
	var all []page.PageLink
	for i, c := range v.stats.Tags {
		chosen := slices.Contains(v.request.form["tag"], c.Name)
		if i < most || chosen {
			all = append(all, page.PageLink{Text: c.Name, URL: v.toggled(c.Name, chosen), Current: chosen})
		}
	}
	return all
}

func (v resultsView) hits() []page.PageHit {
	var all []page.PageHit
	for _, it := range v.page.Items {
		hit := page.PageHit{
			Name: v.name(it), Badges: badges(it), Text: v.marked(it.Description), Code: it.Signature,
		}
		if len(it.Why) > 0 {
			hit.Note = "Found by " + strings.Join(it.Why, "; ")
		}
		if it.Users > 0 {
			hit.End = "used by " + strconv.Itoa(it.Users)
		}
		all = append(all, hit)
	}
	return all
}

// badges are a unit's key facts.
func badges(it registry.Item) []string {
	all := []string{it.Kind, it.Domain}
	if it.Purity != "" {
		all = append(all, it.Purity)
	}
	return append(all, it.Version)
}

// toggled returns the URL of the same search with a tag added or removed.
func (v resultsView) toggled(tag string, chosen bool) string {
	form := v.query()
	if chosen {
		form["tag"] = slices.DeleteFunc(form["tag"], func(s string) bool { return s == tag })
	} else {
		form.Add("tag", tag)
	}
	return "/?" + form.Encode()
}

// query returns a copy of the request's query, starting at the first page.
func (v resultsView) query() url.Values {
	clone := url.Values{}
	for name, values := range v.request.form {
		if name != "cursor" {
			clone[name] = slices.Clone(values)
		}
	}
	return clone
}

// more returns the URL of the next page, or "".
func (v resultsView) more() string {
	if v.page.NextCursor == nil {
		return ""
	}
	form := v.query()
	form.Set("cursor", *v.page.NextCursor)
	return "/?" + form.Encode()
}

func (v resultsView) markdown() string {
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
	return b.String()
}

// name is the link to a unit.
func (v resultsView) name(it registry.Item) page.PageComponent {
	return page.PageHTML(func(w *page.PageWriter) {
		w.Open("a", "href", "/units/"+it.ID)
		w.Add(v.marked(it.Name))
		w.Close("a")
	})
}

// marked is a text with the query's matches highlighted.
func (v resultsView) marked(text string) page.PageComponent {
	return page.PageHTML(func(w *page.PageWriter) {
		last := 0
		for _, s := range v.page.Spans(text) {
			w.Text(text[last:s.Start])
			w.Element("mark", text[s.Start:s.End])
			last = s.End
		}
		w.Text(text[last:])
	})
}

func (v resultsView) write(w *page.PageWriter) {
	w.Element("h1", fmt.Sprintf("%s, %d tested, %d pure", plural(v.stats.Units, "unit"), v.stats.Tested, v.stats.Pure), "class", "quiet")
	w.Add(page.PageForm(v.form()))
	w.Open("div", "id", "results", "aria-live", "polite")
	v.results(w)
	w.Close("div")
}

// results is the part of the page that is fetched while typing.
func (v resultsView) results(w *page.PageWriter) {
	w.Add(page.PageTags("Tags", v.tags()))
	for _, problem := range v.page.Problems {
		w.Add(page.PageNotice(page.PageNoticeConfig{Text: problem.String()}))
	}
	if v.page.Total == 0 {
		w.Add(page.PageNotice(page.PageNoticeConfig{
			Kind: "empty", Title: "Nothing found.", Text: "Try fewer words.", Links: []page.PageLink{{Text: "All units", URL: "/"}},
		}))
		return
	}
	w.Open("p", "class", "count quiet")
	w.Text(plural(v.page.Total, "unit"))
	if v.page.Partial {
		w.Text(" with some of the words; none has all")
	}
	for _, word := range v.page.Words {
		if word.Loose && len(word.Near) > 0 {
			w.Text(" ")
			w.Element("em", word.Text+" taken for "+strings.Join(word.Near, ", "))
		}
	}
	w.Close("p")
	w.Add(page.PageHits(v.hits()))
	if more := v.more(); more != "" {
		w.Element("a", "More", "rel", "next", "href", more)
	}
}
