package check

import (
	"fmt"
	"strconv"
	"strings"

	"fnregistry.dev/fn_registry/catalog"
	"fnregistry.dev/fn_registry/source"
	"fnregistry.dev/fn_registry/spec"
)

var versionRule = &Rule{
	Name: "version", Severity: Error, Summary: "a unit that changed for its callers has a higher version",
	Explanation: "Checked against the revision given with `-changed`, by what callers see: the signature with its types by meaning, the fields, methods and constants of the package's types that it names and whether these can be compared, purity, the package's import path and name, and the ID. " +
		"A change that can break them is major (other parameters, a field or method removed or of another type, a new method of an interface that they implement, pure made impure, a new ID); " +
		"one that adds is minor. Below 1.0.0 a major change wants the next minor version, and a minor one the next patch. Renaming parameters is not a change. A version never decreases. `-fix` writes it.",
	unit: func(p *pass, u *catalog.Unit) {
		if p.history == nil || u.IsApp() || p.reported("version") || !p.history.concerns(u.Dir) {
			return
		}
		old, why := p.specBefore(u)
		if old == nil {
			return // a new unit
		}
		from, okOld := parseVersion(old.Version)
		to, okNew := parseVersion(u.Spec.Version)
		if !okOld || !okNew {
			return
		}
		revision := p.history.since.Revision
		how, what := p.change(u, old, why)
		if want := from.next(how); how > same && to.less(want) {
			p.key("version", p.set("version", want.String()), "a %s change since %s (%s), and version went from %s to %s; it should be %s or higher",
				how, revision, what, old.Version, u.Spec.Version, want)
		} else if to.less(from) || to == from && preRelease(u.Spec.Version) && !preRelease(old.Version) {
			p.key("version", p.set("version", old.Version), "version is %s, and was %s at %s; versions must not decrease", u.Spec.Version, old.Version, revision)
		}
	},
}

// specBefore returns the unit's spec at the earlier revision, nil for a new
// unit. moved reports how its new name or place alone breaks its callers: "the
// ID was x"; "" if it does not.
func (p *pass) specBefore(u *catalog.Unit) (old *spec.Spec, moved string) {
	src, ok := p.history.since.File(u.Dir.Root, u.File)
	if ok = ok && spec.IsSpec(src); ok {
		old = &spec.Parse(u.File, src).Spec
		if old.Name == "" {
			return nil, "" // could not be read at the revision
		}
		if old.ID() == u.ID {
			return old, p.history.moved(u, place{u.Dir.Root, u.Dir.Path})
		}
	}
	if left, found := p.history.leftBehind(u); found {
		return left.Spec, p.history.moved(u, left.place)
	}
	if ok {
		return old, "the ID was " + old.ID()
	}
	if gone, found := p.history.renamed(u); found { // its file may have been renamed with it
		return gone.Spec, "the ID was " + gone.ID()
	}
	return nil, ""
}

// shape is a signature without the symbol's name.
func shape(signature string) string {
	d, err := source.ParseSignature(signature)
	if err != nil {
		return signature
	}
	return strings.Replace(signature, " "+d.Name, " _", 1)
}

// change reports what has changed for the unit's callers.
func (p *pass) change(u *catalog.Unit, old *spec.Spec, moved string) (how level, what string) {
	if moved != "" {
		return major, moved
	}
	if old.Purity == spec.PurityPure && u.Spec.Purity == spec.PurityImpure {
		return major, "it was pure"
	}
	if u.Code != nil {
		past := p.history.of(p.catalog, u.Dir)
		name, _, _ := strings.Cut(u.Code.Symbol, ".")
		if past.before[name] == nil { // the code was elsewhere: use the old spec
			how, what = signatureChange(old.Signature, u.Code.Signature)
		} else {
			how, what = past.compare(u.Code.Symbol, ownTypes(u))
			if _, in := signatureChange(old.Signature, u.Code.Signature); in != "" && how == major {
				what = in // names the parameter
			}
		}
	}
	if how == same && old.Purity == spec.PurityImpure && u.Spec.Purity == spec.PurityPure {
		return minor, "it is pure now"
	}
	return how, what
}

// ownTypes lists the other types of the unit's package that have specs.
func ownTypes(u *catalog.Unit) map[string]bool {
	own := map[string]bool{}
	for _, v := range u.Dir.Units {
		if v != u && v.Code != nil && v.Code.Kind == source.Type {
			own[v.Code.Symbol] = true
		}
	}
	return own
}

// signatureChange compares two signatures by their text, ignoring names of
// parameters and results.
func signatureChange(before, now string) (level, string) {
	was, err := source.ParseSignature(before)
	if err != nil {
		return same, ""
	}
	is, err := source.ParseSignature(now)
	if err != nil {
		return same, ""
	}
	if diff := signatureDiff(nameless(was), nameless(is)); diff != "" {
		return major, strings.Replace(diff, "the code has", "now", 1)
	}
	return same, ""
}

func nameless(d *source.Decl) *source.Decl {
	c := *d
	for _, list := range []*[]source.Field{&c.Params, &c.Results, &c.TypeParams} {
		fields := make([]source.Field, len(*list))
		for i, f := range *list {
			fields[i] = source.Field{Type: f.Type}
		}
		*list = fields
	}
	return &c
}

type version [3]int

// parseVersion parses the numbers of a semantic version; pre-release and build
// are ignored.
func parseVersion(s string) (v version, ok bool) {
	s, _, _ = strings.Cut(s, "+")
	s, _, _ = strings.Cut(s, "-")
	parts := strings.Split(s, ".")
	if len(parts) != 3 {
		return v, false
	}
	for i, part := range parts {
		n, err := strconv.Atoi(part)
		if err != nil || n < 0 {
			return v, false
		}
		v[i] = n
	}
	return v, true
}

// preRelease reports whether a version precedes the release of its numbers.
func preRelease(s string) bool {
	s, _, _ = strings.Cut(s, "+")
	return strings.Contains(s, "-")
}

// next returns the lowest version for a change of v.
func (v version) next(how level) version {
	switch {
	case how == same:
		return v
	case how == minor && v[0] == 0:
		return version{0, v[1], v[2] + 1}
	case how == minor:
		return version{v[0], v[1] + 1, 0}
	case v[0] == 0:
		return version{0, v[1] + 1, 0}
	}
	return version{v[0] + 1, 0, 0}
}

func (v version) less(w version) bool {
	for i := range v {
		if v[i] != w[i] {
			return v[i] < w[i]
		}
	}
	return false
}

func (v version) String() string { return fmt.Sprintf("%d.%d.%d", v[0], v[1], v[2]) }
