package source

import (
	"go/ast"
	"slices"
	"strings"
)

// Resolve does what needs all files of the package: it writes aliases and
// constants by what they stand for, has types share the parts of those that
// they embed, and tells which can be compared and which are sealed.
func (p Package) Resolve() {
	own := make(map[string][]Part, len(p)) // before promotion
	for name, s := range p {
		for i := range s.Parts {
			s.Parts[i].Name = p.expand(s.Parts[i].Name, 0)
			s.Parts[i].Text = p.expand(s.Parts[i].Text, 0)
		}
		own[name] = slices.Clone(s.Parts)
		s.Types = slices.DeleteFunc(s.Types, func(t string) bool { return p[t] != nil && p[t].value != "" })
		for _, t := range slices.Clone(s.Types) { // what an alias stands for counts, too
			if a := p[t]; a != nil && a.alias != "" {
				s.mention(a.Types)
			}
		}
	}
	for name, s := range p {
		p.promote(s, own, name, false, map[string]bool{name: true})
	}
	for name, s := range p {
		switch kind := s.part("type"); {
		case kind == nil:
		case kind.Text == "struct" && p.comparable(name, nil):
			s.Parts = append(s.Parts, Part{Name: Comparison})
		case kind.Text == "interface" && s.sealed:
			s.Parts = append(s.Parts, Part{Name: Sealed})
		case kind.Text == "interface":
			for i := range s.Parts {
				s.Parts[i].Wanted = s.Parts[i].Name != "type"
			}
		}
	}
}

func (s *Surface) part(name string) *Part {
	if i := slices.IndexFunc(s.Parts, func(p Part) bool { return p.Name == name }); i >= 0 {
		return &s.Parts[i]
	}
	return nil
}

func (s *Surface) mention(types []string) {
	for _, t := range types {
		if !slices.Contains(s.Types, t) {
			s.Types = append(s.Types, t)
		}
	}
}

// maxDepth limits how far names that refer to each other are followed, to stop
// at cycles in code that does not compile.
const maxDepth = 16

// expand replaces the names of the package in a text.
func (p Package) expand(text string, depth int) string {
	before, rest, found := strings.Cut(text, nameBegin)
	if !found {
		return text
	}
	var b strings.Builder
	for found {
		b.WriteString(before)
		marked, after, _ := strings.Cut(rest, nameEnd)
		name, dot, _ := strings.Cut(marked, nameDot)
		switch s := p[name]; {
		case s == nil && dot != "":
			b.WriteString(dot + "." + name)
		case s != nil && s.alias != "" && depth < maxDepth:
			b.WriteString(p.expand(s.alias, depth+1))
		case s != nil && s.value != "":
			b.WriteString(s.value)
		default:
			b.WriteString(name)
		}
		before, rest, found = strings.Cut(after, nameBegin)
	}
	b.WriteString(before)
	return b.String()
}

// promote adds to s the fields and methods of embedded types, unless it has
// them itself, the outermost first.
func (p Package) promote(s *Surface, own map[string][]Part, of string, pointer bool, seen map[string]bool) {
	for _, e := range p[of].embeds {
		name := strings.TrimPrefix(e, "*")
		if seen[name] {
			continue
		}
		seen[name] = true
		inner := p[name]
		if inner == nil {
			continue
		}
		byPointer := pointer || e != name
		for _, part := range own[name] {
			kind, _, _ := strings.Cut(part.Name, " ")
			if (kind == "field" || kind == "method" || kind == "element") && s.part(part.Name) == nil {
				part.Pointer = part.Pointer && !byPointer
				s.Parts = append(s.Parts, part)
			}
		}
		s.sealed = s.sealed || inner.sealed
		if ast.IsExported(name) {
			s.mention([]string{name})
		} else { // visible only through what it promotes
			s.Types = slices.DeleteFunc(s.Types, func(t string) bool { return t == name })
		}
		s.mention(inner.Types)
		p.promote(s, own, name, byPointer, seen)
	}
}

// comparable reports whether values of a type can be compared, as far as the
// package's own files tell.
func (p Package) comparable(name string, above []string) bool {
	s := p[name]
	if s == nil || slices.Contains(above, name) {
		return true
	}
	if kind := s.part("type"); kind != nil {
		for _, prefix := range []string{"[]", "map[", "func("} {
			if strings.HasPrefix(strings.TrimPrefix(kind.Text, "= "), prefix) {
				return false
			}
		}
	}
	return !s.incomparable && !slices.ContainsFunc(s.holds, func(t string) bool { return !p.comparable(t, append(above, name)) })
}
