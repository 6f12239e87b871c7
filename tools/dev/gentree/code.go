package main

import (
	"fmt"
	"math/rand/v2"
	"path"
	"slices"
	"strconv"
	"strings"
)

// source makes one Go file: it collects the imports and the registered types
// that the code names.
type source struct {
	plan    *plan
	pkg     int32 // the package of the code; -1: none (an example, a program)
	r       *rand.Rand
	imports map[string]bool
	types   map[int32]bool
	body    strings.Builder
}

func (p *plan) newSource(pkg int32, r *rand.Rand) *source {
	return &source{plan: p, pkg: pkg, r: r, imports: map[string]bool{}, types: map[int32]bool{}}
}

func (s *source) printf(format string, args ...any) { fmt.Fprintf(&s.body, format, args...) }

// use records imports, comma separated, and returns code.
func (s *source) use(code, imports string) string {
	for path := range strings.SplitSeq(imports, ",") {
		if path != "" {
			s.imports[path] = true
		}
	}
	return code
}

// name returns the name of a unit's symbol as used here: qualified by the
// package, unless it is this one.
func (s *source) name(u *unit, name string) string {
	if u.pkg == s.pkg {
		return name
	}
	g := &s.plan.packages[u.pkg]
	return g.name + "." + s.use(name, g.importPath())
}

// typeName names a registered type.
func (s *source) typeName(i int32) string {
	s.types[i] = true
	u := &s.plan.units[i]
	return s.name(u, symbol(u.name))
}

// file returns the whole text.
func (s *source) file(packageName string) []byte {
	var b strings.Builder
	b.WriteString("package " + packageName + "\n\n")
	if std, own := s.sortedImports(); len(std)+len(own) > 0 {
		b.WriteString(importBlock(std, own))
	}
	b.WriteString(strings.TrimLeft(s.body.String(), "\n"))
	return []byte(b.String())
}

func (s *source) sortedImports() (std, own []string) {
	for path := range s.imports {
		if strings.HasPrefix(path, module) {
			own = append(own, path)
		} else {
			std = append(std, path)
		}
	}
	slices.Sort(std)
	slices.Sort(own)
	return std, own
}

func importBlock(std, own []string) string {
	if len(std)+len(own) == 1 {
		return "import " + strconv.Quote(strings.Join(slices.Concat(std, own), "")) + "\n\n"
	}
	var b strings.Builder
	b.WriteString("import (\n")
	for _, path := range std {
		b.WriteString("\t" + strconv.Quote(path) + "\n")
	}
	if len(std) > 0 && len(own) > 0 {
		b.WriteString("\n")
	}
	for _, path := range own {
		b.WriteString("\t" + strconv.Quote(path) + "\n")
	}
	b.WriteString(")\n\n")
	return b.String()
}

// structType formats a struct's fields with gofmt's alignment.
func (s *source) structType(fields []uint8) {
	nameWidth, typeWidth := 0, 0
	for _, f := range fields {
		nameWidth, typeWidth = max(nameWidth, len(configFields[f].name)), max(typeWidth, len(configFields[f].typ))
	}
	s.printf("struct {\n")
	for _, f := range fields {
		c := configFields[f]
		if c.usesTime() {
			s.use("", "time")
		}
		s.printf("\t%-*s %-*s // %s\n", nameWidth, c.name, typeWidth, c.typ, c.doc)
	}
	s.printf("}\n")
}

// structLiteral sets some of the fields: the first and, perhaps, others.
func (s *source) structLiteral(typeName string, fields []uint8) string {
	var set []string
	for i, f := range fields {
		if c := configFields[f]; i == 0 || s.r.IntN(2) == 0 {
			if c.usesTime() {
				s.use("", "time")
			}
			set = append(set, c.name+": "+c.value)
		}
	}
	return typeName + "{" + strings.Join(set, ", ") + "}"
}

// typeText returns a parameter's type.
func (s *source) typeText(p param) string {
	switch {
	case p.variadic:
		return "...string"
	case p.typ < 0:
		return s.typeName(p.unit)
	}
	return s.use(types[p.typ].text, types[p.typ].imports)
}

// literal returns an argument for a parameter. inScope are the caller's own
// parameters.
func (s *source) literal(p param, inScope []param) string {
	if p.typ < 0 {
		return s.structLiteral(s.typeName(p.unit), s.plan.units[p.unit].fields)
	}
	for _, q := range inScope {
		if q.typ == p.typ && !types[p.typ].impure && s.r.IntN(2) == 0 {
			if p.variadic {
				return q.name + "..."
			}
			return q.name
		}
	}
	if p.variadic {
		return quoted(s.r) + ", " + quoted(s.r)
	}
	return s.use(types[p.typ].literal(s.r))
}

// call returns a call of a function unit. badArg is the index of the argument
// that its guard refuses, -1 for none.
func (s *source) call(u *unit, ctx string, inScope []param, badArg int) string {
	var args []string
	name := s.name(u, symbol(u.name))
	switch u.sig.form {
	case genericSort:
		return name + "([]int{3, 1, 2}, 2)"
	case genericMerge:
		return name + "(map[string]int{" + quoted(s.r) + ": 1}, nil)"
	case genericKeep:
		return name + "([]string{" + quoted(s.r) + ", \"\"}, func(s string) bool { return s != \"\" })"
	case genericGroup:
		return name + "([]string{" + quoted(s.r) + "}, func(s string) string { return s[:1] })"
	}
	if u.sig.ctx {
		args = append(args, ctx)
		if ctx == "context.Background()" {
			s.use("", "context")
		}
	}
	for i, p := range u.sig.params {
		switch {
		case i == badArg && p.variadic:
		case i == badArg:
			args = append(args, s.use(types[p.typ].bad, types[p.typ].imports))
		default:
			args = append(args, s.literal(p, inScope))
		}
	}
	if u.sig.config != nil {
		config := s.name(u, symbol(u.name)+"Config")
		if badArg == len(u.sig.params) {
			args = append(args, config+"{"+configFields[guardedField(u.sig.config)].name+": -1}")
		} else {
			args = append(args, s.structLiteral(config, u.sig.config))
		}
	}
	return name + "(" + strings.Join(args, ", ") + ")"
}

// declaration returns a function's declaration without its body, as in its
// spec's signature.
func (s *source) declaration(u *unit) string {
	name := symbol(u.name)
	switch u.sig.form {
	case genericSort:
		return "func " + name + s.use("[T cmp.Ordered](values []T, limit int) []T", "cmp")
	case genericMerge:
		return "func " + name + "[K comparable, V any](first map[K]V, second map[K]V) map[K]V"
	case genericKeep:
		return "func " + name + "[T any](items []T, keep func(T) bool) []T"
	case genericGroup:
		return "func " + name + "[K comparable, T any](items []T, key func(T) K) map[K]int"
	case sqlCount:
		return "func " + name + s.use(
			"(ctx context.Context, db *sql.DB, name string) (int64, error)",
			"context,database/sql",
		)
	case httpLimit:
		return "func " + name + s.use("(next http.Handler, limit int64) http.Handler", "net/http")
	}
	var params []string
	if u.sig.ctx {
		params = append(params, s.use("ctx context.Context", "context"))
	}
	for _, p := range u.sig.params {
		params = append(params, p.name+" "+s.typeText(p))
	}
	if u.sig.config != nil {
		params = append(params, "cfg "+name+"Config")
	}
	return "func " + name + "(" + strings.Join(params, ", ") + ")" + s.results(u)
}

func (s *source) results(u *unit) string {
	var results []string
	switch res := u.sig.result; res.kind {
	case basic:
		results = append(results, s.use(types[res.typ].text, types[res.typ].imports))
	case record:
		results = append(results, "*"+symbol(u.name)+"Result")
	case known:
		results = append(results, s.typeName(res.unit))
	}
	if u.sig.err {
		results = append(results, "error")
	}
	if u.sig.ok {
		results = append(results, "bool")
	}
	switch len(results) {
	case 0:
		return ""
	case 1:
		return " " + results[0]
	}
	return " (" + strings.Join(results, ", ") + ")"
}

// filePath returns a file's path from the root.
func (p *plan) filePath(u *unit, suffix string) string {
	return path.Join(p.packages[u.pkg].dir(), u.name+suffix)
}
