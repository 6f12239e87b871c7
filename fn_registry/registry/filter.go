package registry

import (
	"slices"
	"strconv"
	"strings"

	"fnregistry.dev/fn_registry/catalog"
	"fnregistry.dev/fn_registry/search"
	"fnregistry.dev/fn_registry/spec"
)

// filters are the conditions of a query, by field. A unit passes if, in each
// single-valued field (kind, lang, domain, purity, tested), it has one of the
// wanted values, in each other field all wanted values, and no unwanted one
// anywhere.
type filters struct {
	any, all, none []condition
	impossible     bool // a wanted value that no unit can have
}

type condition struct {
	field string
	has   func(*catalog.Unit) bool
}

func (f *filters) empty() bool {
	return len(f.any)+len(f.all)+len(f.none) == 0 && !f.impossible
}

func (f *filters) add(field string, negated bool, has func(*catalog.Unit) bool) {
	c := condition{field, has}
	switch {
	case negated:
		f.none = append(f.none, c)
	case slices.Contains([]string{"tag", "imports", "uses", "used_by"}, field):
		f.all = append(f.all, c)
	default:
		f.any = append(f.any, c)
	}
}

func (f *filters) accept(u *catalog.Unit) bool {
	if f.impossible {
		return false
	}
	for _, c := range f.all {
		if !c.has(u) {
			return false
		}
	}
	for _, c := range f.none {
		if c.has(u) {
			return false
		}
	}
	for i, c := range f.any {
		first := !slices.ContainsFunc(f.any[:i], func(b condition) bool { return b.field == c.field })
		if first && !slices.ContainsFunc(f.any[i:], func(b condition) bool { return b.field == c.field && b.has(u) }) {
			return false
		}
	}
	return true
}

// filters combines the explicit conditions of a query, which must be valid,
// with its field words; invalid field words are reported in the problems and
// match nothing.
func (s *State) filters(q Query, words []search.Filter) (*filters, []Problem, error) {
	f := &filters{}
	var problems []Problem
	for _, e := range q.explicit() {
		for _, value := range e.values {
			has, err := s.condition(e.field, value)
			if err != nil && !err.soft {
				return nil, nil, &QueryError{Param: e.field, Message: err.message, Candidates: err.candidates}
			}
			if err != nil {
				problems = append(
					problems,
					Problem{Text: value, Message: err.message, Candidates: list(err.candidates)},
				)
			}
			f.add(e.field, false, has)
		}
	}
	for _, w := range words {
		has, err := s.condition(w.Field, w.Value)
		if err != nil {
			text := w.Field + ":" + w.Value
			problems = append(problems, Problem{Text: text, Message: err.message, Candidates: list(err.candidates)})
			f.impossible = f.impossible || !w.Negated
			continue
		}
		f.add(w.Field, w.Negated, has)
	}
	return f, problems, nil
}

type explicit struct {
	field  string
	values []string
}

func (q Query) explicit() []explicit {
	all := []explicit{
		{"kind", q.Kind}, {"lang", q.Lang}, {"domain", q.Domain}, {"purity", q.Purity}, {"tag", q.Tag},
		{"imports", q.Imports}, {"uses", q.Uses}, {"used_by", q.UsedBy},
	}
	if q.Tested != nil {
		all = append(all, explicit{"tested", []string{strconv.FormatBool(*q.Tested)}})
	}
	return all
}

// valueError explains why a value can't match. A soft one is not a malformed
// value: so far no unit has it.
type valueError struct {
	message    string
	candidates []string
	soft       bool
}

// condition returns the test for one value of a field. With an error it accepts
// no unit.
func (s *State) condition(field, value string) (func(*catalog.Unit) bool, *valueError) {
	never := func(*catalog.Unit) bool { return false }
	switch field {
	case "kind":
		return is(func(u *catalog.Unit) string { return u.Spec.Kind }, value),
			oneOf(value, spec.KindFunction, spec.KindType, spec.KindPipeline, spec.KindApp)
	case "purity":
		return is(func(u *catalog.Unit) string { return u.Spec.Purity }, value), oneOf(value, spec.PurityPure, spec.PurityImpure)
	case "lang":
		return is(func(u *catalog.Unit) string { return u.Spec.Lang }, value), s.known("lang", value, s.facets().Langs)
	case "domain":
		return is(func(u *catalog.Unit) string { return u.Spec.Domain }, value), s.known("domain", value, s.facets().Domains)
	case "tag":
		fold := strings.ToLower(value)
		return func(u *catalog.Unit) bool { return slices.Contains(u.Spec.Tags, fold) }, s.known(
			"tag",
			fold,
			s.facets().Tags,
		)
	case "tested":
		want, err := strconv.ParseBool(value)
		if err != nil {
			return never, oneOf(value, "true", "false")
		}
		return func(u *catalog.Unit) bool { return u.Spec.Tested == want }, nil
	case "imports":
		has := func(u *catalog.Unit) bool { return s.imports(u, value) }
		if !slices.ContainsFunc(s.units, has) {
			return has, &valueError{message: "no unit imports " + quote(value), soft: true}
		}
		return has, nil
	}
	other := s.Catalog.Unit(value)
	if other == nil {
		missing := s.missing(value)
		return never, &valueError{message: "there is no unit " + quote(value), candidates: missing.Candidates}
	}
	near := s.Catalog.UsedBy(other)
	if field == "used_by" {
		near = s.Catalog.Uses(other)
	}
	set := make(map[*catalog.Unit]bool, len(near))
	for _, u := range near {
		set[u] = true
	}
	return func(u *catalog.Unit) bool { return set[u] }, nil
}

func is(get func(*catalog.Unit) string, value string) func(*catalog.Unit) bool {
	value = strings.ToLower(value)
	return func(u *catalog.Unit) bool { return get(u) == value }
}

func oneOf(value string, allowed ...string) *valueError {
	if slices.Contains(allowed, strings.ToLower(value)) {
		return nil
	}
	near := allowed
	if s := spec.Suggest(value, allowed); s != "" {
		near = []string{s}
	}
	return &valueError{message: quote(value) + " is not one of " + strings.Join(allowed, ", "), candidates: near}
}

func (s *State) known(field, value string, counts []Count) *valueError {
	var names []string
	for _, c := range counts {
		if c.Name == strings.ToLower(value) {
			return nil
		}
		names = append(names, c.Name)
	}
	err := &valueError{message: "no unit has the " + field + " " + quote(value), soft: true}
	if near := spec.Suggest(value, names); near != "" {
		err.candidates = []string{near}
	}
	return err
}

// checkDomain refuses a domain that no unit has and that no root's settings
// name. An empty answer would suggest that all is well there.
func (s *State) checkDomain(domain string) error {
	names := []string{}
	for _, c := range s.facets().Domains {
		names = append(names, c.Name)
	}
	for _, root := range s.Catalog.Roots {
		for _, d := range root.Config.Domains {
			if !slices.Contains(names, d) {
				names = append(names, d)
			}
		}
	}
	if domain == "" || slices.Contains(names, domain) {
		return nil
	}
	return unknown("domain", domain, names)
}

// imports reports whether a unit's file, or a program's packages, import a
// package: by its path, one above it, or by consecutive elements of its path
// ("mautrix" or "go/mautrix" for "maunium.net/go/mautrix/id").
func (s *State) imports(u *catalog.Unit, want string) bool {
	want = strings.Trim(want, "/")
	has := func(path string) bool { return hasElements(path, want) }
	if slices.ContainsFunc(u.Spec.Imports, has) || u.Code != nil && slices.ContainsFunc(u.Code.Imports, has) {
		return true
	}
	return u.IsApp() && slices.ContainsFunc(s.Catalog.AppPackages(u), func(d *catalog.Dir) bool {
		return slices.ContainsFunc(d.Imports, func(i catalog.FileImport) bool { return !i.Test && has(i.Path) })
	})
}

// hasElements reports whether want is part of a path, between slashes or its
// ends.
func hasElements(path, want string) bool {
	for from := 0; ; {
		i := strings.Index(path[from:], want)
		if i < 0 || want == "" {
			return false
		}
		start, end := from+i, from+i+len(want)
		if (start == 0 || path[start-1] == '/') && (end == len(path) || path[end] == '/') {
			return true
		}
		from = start + 1
	}
}
