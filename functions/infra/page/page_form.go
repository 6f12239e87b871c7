package page

import (
	"cmp"
	"html"
	"strings"
)

// PageFormConfig is a form.
type PageFormConfig struct {
	ID     string // names the form and its fields within the page; empty: form
	Action string // the URL that it is sent to
	Post   bool   // send with POST; default: GET, fields in the URL
	Fields []PageFormField
	Submit string // text of the button; empty: Send
	Error  string // why the last try was refused, above the fields
	// Compact puts the fields side by side and hides their labels from view,
	// as for filters above a list.
	Compact bool
	// Results is the ID of an element whose content is what this form finds.
	// While somebody types, the script fetches the form's address with the
	// header X-Fragment: Results, and puts the answer in there. GET only.
	Results string
}

// PageFormField is one field of a form.
type PageFormField struct {
	Name     string
	Label    string
	Type     string // text, search, number, password, select, checkbox, textarea, hidden; empty: text
	Value    string // its value; for a checkbox: the value sent when checked
	Checked  bool
	Options  []PageFormOption // for a select
	Example  string           // placeholder, shown while it is empty
	Hint     string
	Error    string // what is wrong with its value
	Required bool
	Focus    bool // focused when the page has loaded
}

// PageFormOption is one choice of a select.
type PageFormOption struct{ Value, Label string }

// PageForm is a form with labels, hints and errors that screen readers connect
// with their fields. A field of type search is where the key / leads.
//
// More in page_form.md:
//   - It checks nothing: the server does, and renders the form again with Error
//     set.
//   - A form with Results fetches its URL with the header X-Fragment: respond
//     with only that part, and with Vary: X-Fragment.
func PageForm(cfg PageFormConfig) PageComponent {
	return PageHTML(func(w *PageWriter) { w.form(cfg) })
}

func (w *PageWriter) form(cfg PageFormConfig) {
	cfg.ID = cmp.Or(cfg.ID, "form")
	class := "form"
	if cfg.Compact {
		class = "form compact"
	}
	w.Open("form", "id", cfg.ID, "class", class, "action", cfg.Action, "method", on(cfg.Post, "post"), "role", on(cfg.Compact, "search"),
		"aria-label", on(cfg.Compact, cfg.Submit), "data-results", cfg.Results)
	if cfg.Error != "" {
		w.notice(PageNoticeConfig{Kind: "error", Text: cfg.Error})
	}
	for _, f := range cfg.Fields {
		w.field(f, cfg.ID+"-"+f.Name, cfg.Compact)
	}
	w.Element("button", cmp.Or(cfg.Submit, "Send"))
	w.Close("form")
}

func (w *PageWriter) field(f PageFormField, id string, compact bool) {
	f.Type = cmp.Or(f.Type, "text")
	if f.Type == "hidden" {
		w.Open("input", "type", "hidden", "name", f.Name, "value", f.Value)
		return
	}
	w.Open("div", "class", "field "+f.Type)
	label := func() { w.Element("label", f.Label, "for", id, "class", on(compact, "hidden")) }
	if f.Type != "checkbox" {
		label()
	}
	hint, wrong := on(f.Hint != "", id+"-hint"), on(f.Error != "", id+"-wrong")
	search := f.Type == "search"
	attributes := []string{
		"id", id, "name", f.Name, "placeholder", f.Example, "aria-describedby", strings.TrimSpace(hint + " " + wrong),
		"aria-invalid", on(wrong != "", "true"), "required?", on(f.Required, "yes"), "autofocus?", on(f.Focus, "yes"),
		"autocomplete", on(search, "off"), "autocapitalize", on(search, "off"), "spellcheck", on(search, "false"),
		"maxlength", on(search, "4096"), "data-main?", on(search, "yes"),
	}
	switch f.Type {
	case "select":
		w.Open("select", attributes...)
		for _, o := range f.Options {
			w.Raw(`<option value="` + html.EscapeString(o.Value) + `"` + on(o.Value == f.Value, " selected") + ">")
			w.Text(o.Label)
			w.Close("option")
		}
		w.Close("select")
	case "textarea":
		w.Open("textarea", attributes...)
		w.Text("\n" + f.Value) // HTML drops a line break right after the tag
		w.Close("textarea")
	default:
		w.Open("input", append(attributes, "type", f.Type, "value", f.Value, "checked?", on(f.Checked, "yes"))...)
	}
	if f.Type == "checkbox" {
		label()
	}
	if hint != "" {
		w.Element("p", f.Hint, "class", "hint", "id", hint)
	}
	if wrong != "" {
		w.Element("p", f.Error, "class", "wrong", "id", wrong)
	}
	w.Close("div")
}
