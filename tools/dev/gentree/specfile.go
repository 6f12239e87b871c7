package main

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
)

// facts are what the spec needs to know about the code beyond the plan.
type facts struct {
	signature   string
	description string
	types       map[int32]bool // the registered types that the code names
	tests       []string
}

// specText returns a unit's spec.
func (p *plan) specText(r *rand.Rand, index int32, f facts) []byte {
	u := &p.units[index]
	var b strings.Builder
	line := func(key, value string) { b.WriteString(key + ": " + value + "\n") }
	b.WriteString("---\n")
	line("name", u.name)
	line("kind", kindNames[u.kind])
	line("lang", "go")
	line("domain", p.packages[u.pkg].domain)
	line("version", fmt.Sprintf("%d.%d.%d", r.IntN(2), r.IntN(10), r.IntN(4)))
	line("purity", map[bool]string{true: "pure", false: "impure"}[u.pure])
	line("signature", strconv.Quote(f.signature))
	line("description", f.description)
	line("tags", list(p.tags(r, u)))
	b.WriteString(p.paramLines(r, u))
	line("output", strconv.Quote(p.output(r, u)))
	line("uses_functions", list(p.ids(u.uses)))
	line("uses_types", list(p.ids(slices.Collect(maps.Keys(f.types)))))
	var returns []int32
	if u.sig.result.kind == known {
		returns = append(returns, u.sig.result.unit)
	}
	line("returns", list(p.ids(returns)))
	line("returns_optional", strconv.FormatBool(u.sig.ok))
	errorType := `""`
	if u.coded {
		errorType = p.id(0)
	}
	line("error_type", errorType)
	line("imports", "[]")
	line("build_tags", "[]")
	line("tested", "true")
	line("tests", list(f.tests))
	line("test_file_path", p.filePath(u, "_test.go"))
	line("file_path", p.filePath(u, ".go"))
	b.WriteString("---\n\n")
	b.WriteString(p.body(r, index))
	return []byte(b.String())
}

func list(items []string) string { return "[" + strings.Join(items, ", ") + "]" }

func (p *plan) ids(units []int32) []string {
	var ids []string
	for _, i := range units {
		ids = append(ids, p.id(i))
	}
	slices.Sort(ids)
	return ids
}

func (p *plan) tags(r *rand.Rand, u *unit) []string {
	tags := []string{strings.TrimRight(p.packages[u.pkg].name, "0123456789")}
	for _, word := range append(strings.Split(u.name, "_"), noun(r), noun(r)) {
		if !slices.Contains(tags, word) && r.IntN(4) > 0 {
			tags = append(tags, word)
		}
	}
	return tags
}

// paramLines is the key params.
func (p *plan) paramLines(r *rand.Rand, u *unit) string {
	var b strings.Builder
	entry := func(name, desc string) { b.WriteString("  - name: " + name + "\n    desc: " + desc + "\n") }
	fieldEntries := func(prefix string, fields []uint8) {
		for _, f := range fields {
			doc, def, ok := strings.Cut(configFields[f].doc, "; ")
			text := capital(doc) + ", of the " + noun(r) + "."
			if ok {
				text += " " + capital(def) + "."
			}
			entry(prefix+configFields[f].name, text)
		}
	}
	if u.sig.ctx {
		entry("ctx", "Its end stops the "+noun(r)+" under way.")
	}
	for _, param := range u.sig.params {
		switch {
		case param.typ < 0 && u.sig.form == plain:
			entry(param.name, sentence(r, "The %a %n that the %p are taken from."))
		case param.typ < 0:
			entry(param.name, sentence(r, "What the %p of the %n are made of."))
		default:
			entry(param.name, strings.ReplaceAll(types[param.typ].desc, "%s", noun(r)))
		}
	}
	if u.kind == typ {
		fieldEntries("", u.fields)
	} else {
		fieldEntries("cfg.", u.sig.config)
	}
	if b.Len() == 0 {
		return "params: []\n"
	}
	return "params:\n" + b.String()
}

func (p *plan) output(r *rand.Rand, u *unit) string {
	switch {
	case u.kind == typ:
		return ""
	case u.sig.ok:
		return sentence(r, "The %n, and whether there was a %n at all.")
	case u.sig.result.kind == record:
		return sentence(r, "Result with Count (how many %p there were) and Text (what the %n said).")
	case u.sig.result.kind == none && u.sig.err:
		return "Nothing but the error."
	}
	return sentence(r, "The %a %n; nothing is to be closed.")
}

// body returns the Markdown after the frontmatter, about 200 words.
func (p *plan) body(r *rand.Rand, index int32) string {
	u := &p.units[index]
	var b strings.Builder
	b.WriteString("# " + u.name + "\n\n## Example\n\n```go\n" + p.example(r, index) + "```\n\n## When to use\n\n")
	b.WriteString(paragraph(r, whenSentences, 4+r.IntN(4)))
	b.WriteString("\n" + capital(sentence(r, pick(r, whenSentences))) + ", as in `" + p.packages[u.pkg].name + "`.\n\n## Gotchas\n\n")
	for range 5 + r.IntN(4) {
		b.WriteString("- " + capital(sentence(r, pick(r, gotchas))) + "\n")
	}
	return b.String()
}

// example is Go statements that call the unit, or make a value of the type.
func (p *plan) example(r *rand.Rand, index int32) string {
	s := p.newSource(-1, r)
	u := &p.units[index]
	name := s.name(u, symbol(u.name))
	switch {
	case index == 0:
		return "err := &" + name + "{Op: \"read\", Message: \"nothing there\"}\nfmt.Println(err)\n"
	case u.kind == typ:
		return "one := " + s.structLiteral(name, u.fields) + "\nfmt.Printf(\"%+v\\n\", one)\n"
	case u.sig.form == sqlCount:
		return "db, err := sql.Open(\"sqlite\", \"app.db\")\nif err != nil {\n\treturn err\n}\ndefer db.Close()\nn, err := " + name + "(ctx, db, \"first\")\nfmt.Println(n, err)\nreturn err\n"
	case u.sig.form == httpLimit:
		return "handler := " + name + "(http.NotFoundHandler(), 1<<20)\nhttp.Handle(\"/upload\", handler)\n"
	}
	call := s.call(u, "ctx", nil, -1)
	switch got := assign(u); {
	case u.sig.err && u.sig.result.kind == none:
		return "return " + call + "\n"
	case u.sig.err:
		return got + " := " + call + "\nif err != nil {\n\treturn err\n}\nfmt.Println(got)\n"
	default:
		return got + " := " + call + "\nfmt.Println(" + got + ")\n"
	}
}
