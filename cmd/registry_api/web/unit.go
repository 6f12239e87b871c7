package web

import (
	"fmt"
	"slices"
	"strings"

	"fnregistry.dev/cmd/registry_api/markdown"
	"fnregistry.dev/fn_registry/catalog"
	"fnregistry.dev/fn_registry/registry"
	"fnregistry.dev/fn_registry/source"
	"fnregistry.dev/fn_registry/spec"
	"fnregistry.dev/functions/infra/page"
)

// unit is a unit's page. Clients that prefer Markdown get the body preceded by
// the facts.
func (p *Pages) unit(r *request) (answer, error) {
	d, err := r.state.Get(r.PathValue("id"))
	if err != nil {
		return answer{}, err
	}
	if prefers(r.Request) == asMarkdown {
		return answer{markdown: unitMarkdown(d)}, nil
	}
	dependents, err := r.state.Dependents(d.ID)
	if err != nil {
		return answer{}, err
	}
	around, err := r.state.Graph(registry.GraphQuery{ID: d.ID, Depth: 1})
	if err != nil {
		return answer{}, err
	}
	v := unitView{Detail: d, state: r.state, dependents: dependents.Total, picture: neighbours(r.state, around, d.ID)}
	if v.source, err = r.state.Source(d.ID); err != nil {
		v.source = &registry.Source{} // a program, or a removed file
	}
	return answer{title: d.Name, body: page.PageHTML(v.write)}, nil
}

type unitView struct {
	*registry.Detail
	state      *registry.State
	source     *registry.Source // its File is "" if there is none to show
	dependents int
	picture    page.PagePictureConfig // without nodes for a unit that stands alone
}

func (v unitView) exists(id string) bool { return id != v.ID && v.state.Catalog.Unit(id) != nil }

// sourceURL returns the URL of a line of the unit's source.
func (v unitView) sourceURL(line int) string { return fmt.Sprintf("/units/%s/source#L%d", v.ID, line) }

// signature links the names in it: units to their pages, types of the package
// to where the page explains them.
func (v unitView) signature(text string) page.PageCodeConfig {
	return page.PageCodeConfig{Text: text, Language: "go", Name: "Signature", Link: func(name string) string {
		if id := v.source.Unit(name); id != "" && id != v.ID {
			return "/units/" + id
		}
		if v.isConfig(name) {
			return "#parameters"
		}
		for _, t := range v.source.Types {
			if t.Name == name && name != v.Symbol {
				return "#" + name
			}
		}
		return ""
	}}
}

// isConfig reports whether a type is one whose fields are among the parameters.
func (v unitView) isConfig(name string) bool {
	u := v.state.Catalog.Unit(v.ID)
	return u != nil && u.Code != nil && slices.ContainsFunc(u.Code.Params, func(p catalog.Param) bool {
		return len(p.Config) > 0 && strings.TrimPrefix(p.Type, "*") == name
	})
}

// param is a parameter, or a field of one, as the page shows it.
type param struct{ name, kind, desc string }

// params are those in the spec, with their types from the code.
func (v unitView) params() []param {
	kinds := map[string]string{}
	if u := v.state.Catalog.Unit(v.ID); u != nil && u.Code != nil {
		for _, p := range u.Code.Params {
			kinds[p.Name] = p.Type
			for _, f := range p.Config {
				kinds[p.Name+"."+f.Name] = f.Type
			}
		}
		for _, f := range u.Code.Fields {
			kinds[f.Name] = f.Type
		}
	}
	var all []param
	for _, p := range v.Spec.Params {
		all = append(all, param{p.Name, kinds[p.Name], p.Desc})
	}
	return all
}

// fields formats a type's fields as one block of Go.
func fields(list []source.Field) string {
	var b strings.Builder
	for _, f := range list {
		if f.Embedded {
			b.WriteString(f.Type + "\n")
		} else {
			b.WriteString(f.Name + " " + f.Type + "\n")
		}
	}
	return strings.TrimSuffix(b.String(), "\n")
}

// facts are shown next to a unit's description.
func (v unitView) facts() []page.PageFact {
	var all []page.PageFact
	add := func(name string, value any) { all = append(all, page.PageFact{Name: name, Value: value}) }
	text := func(name, value string) {
		if value != "" {
			add(name, code(value))
		}
	}
	text("import", v.ImportPath)
	if v.source.File != "" {
		add("code", page.PageLink{Text: place(v.source.File, v.Line), URL: v.sourceURL(max(1, v.Line))})
	} else {
		text("code", place(v.FilePath, v.Line))
	}
	text("spec", v.SpecFile)
	text("test", v.Spec.TestFilePath)
	text("third-party imports", strings.Join(v.Spec.Imports, "\n"))
	text("build tags", strings.Join(v.Spec.BuildTags, ","))
	if id := v.Spec.ErrorType; id != "" {
		add("errors are", page.PageLink{Text: id, URL: "/units/" + id})
	}
	if v.Derived != nil && !v.Derived.Pure && v.Kind != spec.KindApp {
		add("impure by", v.Derived.Impurity)
	}
	if v.Bytes != nil {
		add("size", weight(v.Kind, *v.Bytes))
	} else {
		add("size", "not measured; run fn size "+v.Name)
	}
	if v.Spec.BinaryMBMax > 0 {
		add("budget", fmt.Sprintf("%.1f MB", v.Spec.BinaryMBMax))
	}
	text("run", v.Spec.Run)
	if len(v.Tags) > 0 {
		var tags []page.PageLink
		for _, tag := range v.Tags {
			tags = append(tags, page.PageLink{Text: tag, URL: "/?tag=" + tag})
		}
		add("tags", tags)
	}
	return all
}

// code shows the source of a unit.
func (p *Pages) code(r *request) (answer, error) {
	d, err := r.state.Get(r.PathValue("id"))
	if err != nil {
		return answer{}, err
	}
	src, err := r.state.Source(d.ID)
	if err != nil {
		return answer{}, err
	}
	return below(d, ", source", page.PageCode(page.PageCodeConfig{
		Text: src.Text, Language: "go", Name: src.File, Numbers: true,
		Link: func(name string) string {
			if id := src.Unit(name); id != "" && id != d.ID {
				return "/units/" + id
			}
			return ""
		},
	}), src.File), nil
}

// below is a page that belongs to a unit's page.
func below(d *registry.Detail, what string, body page.PageComponent, note string) answer {
	return answer{title: d.Name + what, body: page.PageHTML(func(w *page.PageWriter) {
		w.Open("h1")
		w.Element("a", d.Name, "href", "/units/"+d.ID)
		w.Text(what)
		w.Close("h1")
		if note != "" {
			w.Element("p", note, "class", "quiet")
		}
		w.Add(body)
	})}
}

func unitMarkdown(d *registry.Detail) string {
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
	return b.String()
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

// code is a text in the font of code.
func code(text string) page.PageComponent {
	return page.PageHTML(func(w *page.PageWriter) { w.Element("code", text) })
}

func (v unitView) write(w *page.PageWriter) {
	w.Element("h1", v.Name)
	w.Open("p", "class", "line")
	for _, text := range badges(v.Item) {
		w.Element("span", text, "class", "badge")
	}
	w.Element("code", v.ID)
	w.Element("button", "Copy ID", "class", "copy", "type", "button", "data-copy", v.ID)
	w.Close("p")
	w.Element("p", v.Description, "class", "lead")
	if v.Stale {
		w.Add(page.PageNotice(page.PageNoticeConfig{Text: "The spec has changed since it was read; what is shown here may be older than the file."}))
	}
	for _, f := range v.Findings {
		w.Add(page.PageNotice(page.PageNoticeConfig{Title: f.Rule, Text: f.Message, Hint: place(f.File, f.Line)}))
	}
	if v.Signature != "" {
		w.Add(page.PageCode(v.signature(v.Signature)))
	}
	w.Open("div", "class", "columns")
	w.Open("div")
	v.writeText(w)
	w.Close("div")
	w.Open("aside", "aria-label", "Facts")
	v.writeFacts(w)
	w.Close("aside", "div")
	if len(v.picture.Nodes) > 0 {
		w.Element("h2", "Neighbours")
		w.Add(page.PagePicture(v.picture))
		w.Element("a", "All that it reaches and all that reach it", "href", "/graph?id="+v.ID)
	}
	w.Open("p", "class", "quiet")
	w.Element("a", "Versions", "href", "/units/"+v.ID+"/history")
	w.Text(", as ")
	w.Element("a", "JSON", "href", "/api/v1/units/"+v.ID)
	w.Close("p")
}

// writeText writes the running text of the page.
func (v unitView) writeText(w *page.PageWriter) {
	if params := v.params(); len(params) > 0 {
		w.Element("h2", "Parameters", "id", "parameters")
		w.Open("dl", "class", "params")
		for _, p := range params {
			w.Open("dt")
			w.Element("code", p.name)
			w.Text(" ")
			w.Element("code", p.kind, "class", "quiet")
			w.Close("dt")
			w.Element("dd", p.desc)
		}
		w.Close("dl")
	}
	if v.Spec.Output != "" {
		w.Element("h2", "Output")
		w.Element("p", v.Spec.Output)
	}
	for _, t := range v.source.Types {
		if !v.isConfig(t.Name) {
			v.writeType(w, t)
		}
	}
	for _, s := range shown(v.Body.Sections) {
		w.Open("section", "class", "body "+string(s.Kind))
		w.Element("h2", title(s))
		w.Raw(linkIDs(markdown.HTML(s.Markdown), v.exists))
		w.Close("section")
	}
}

// writeType writes the fields and methods of a type that the signature names.
func (v unitView) writeType(w *page.PageWriter, t registry.Type) {
	w.Open("section", "id", t.Name)
	w.Element("h2", t.Name)
	if len(t.Fields) > 0 {
		w.Add(page.PageCode(v.typeCode(fields(t.Fields), "Fields of "+t.Name)))
	}
	var methods []string
	for _, m := range t.Methods {
		methods = append(methods, m.Signature)
	}
	if len(methods) > 0 {
		w.Add(page.PageCode(v.typeCode(strings.Join(methods, "\n"), "Methods of "+t.Name)))
	}
	w.Element("p", place(t.File, t.Line), "class", "quiet")
	w.Close("section")
}

// typeCode is a block of Go of one of the unit's types.
func (v unitView) typeCode(text, name string) page.PageCodeConfig {
	code := v.signature(text)
	code.Name = name
	return code
}

// writeFacts writes the facts next to the text.
func (v unitView) writeFacts(w *page.PageWriter) {
	w.Element("h2", "Facts")
	w.Add(page.PageFacts(v.facts()))
	writeRefs(w, "Uses", v.Uses)
	writeRefs(w, "Used by", v.UsedBy)
	if v.dependents > len(v.UsedBy) {
		w.Open("p")
		w.Text("A change reaches " + plural(v.dependents, "unit") + " in all, ")
		w.Element("a", "these", "href", "/api/v1/units/"+v.ID+"/dependents")
		w.Close("p")
	}
	if len(v.Spec.Tests) > 0 {
		w.Element("h2", "Tests")
		w.Open("ul", "class", "refs")
		for _, test := range v.Spec.Tests {
			w.Element("li", "✓ "+test)
		}
		w.Close("ul")
	}
}

func writeRefs(w *page.PageWriter, heading string, list []registry.Ref) {
	if len(list) == 0 {
		return
	}
	w.Element("h2", heading)
	w.Open("ul", "class", "refs")
	for _, ref := range list {
		w.Open("li")
		w.Element("a", ref.Name, "href", "/units/"+ref.ID, "title", ref.Description)
		w.Text(" ")
		w.Element("span", ref.Kind, "class", "quiet")
		w.Close("li")
	}
	w.Close("ul")
}
