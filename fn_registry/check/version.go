package check

import (
	"fmt"
	"strconv"
	"strings"

	"fnregistry.dev/fn_registry/catalog"
	"fnregistry.dev/fn_registry/source"
	"fnregistry.dev/fn_registry/spec"
)

// Since gives the files as they were at an earlier revision.
type Since struct {
	Revision string // as the user named it, for messages
	// File returns a file's content then; ok is false where it did not exist. It is called from several goroutines.
	File func(root int, name string) (src []byte, ok bool)
}

var versionRule = &Rule{
	Name: "version", Severity: Error, Summary: "a changed signature comes with a higher version",
	Explanation: "Checked against the revision given with `-changed`. A change that breaks callers (other parameters, results, receiver, type parameters) wants the next major version, or the next minor one below 1.0.0; " +
		"other names for parameters want the next patch. `-fix` writes it. A new unit has nothing to compare with.",
	unit: func(p *pass, u *catalog.Unit) {
		if p.since == nil || u.Code == nil || p.told("version") {
			return
		}
		before, oldVersion, ok := p.before(u)
		if !ok {
			return
		}
		now, err := source.ParseSignature(u.Code.Signature)
		if err != nil {
			return
		}
		diff := signatureDiff(before, now)
		if diff == "" {
			return
		}
		from, okOld := parseVersion(oldVersion)
		to, okNew := parseVersion(u.Spec.Version)
		if !okOld || !okNew {
			return
		}
		if want := from.next(breaks(before, now)); to.less(want) {
			p.key("version", p.set("version", want.String()), "the signature has changed since %s (%s), and version went from %s to %s; it should be %s or higher",
				p.since.Revision, strings.Replace(diff, "the code has", "now", 1), oldVersion, u.Spec.Version, want)
		}
	},
}

// before returns the unit's declaration and version at the earlier revision.
func (p *pass) before(u *catalog.Unit) (*source.Decl, string, bool) {
	src, ok := p.since.File(u.Dir.Root, u.File)
	if !ok {
		return nil, "", false
	}
	old := spec.Parse(u.File, src).Spec
	code, ok := p.since.File(u.Dir.Root, u.Code.File)
	if ok {
		if file, err := source.Parse(u.Code.File, code); err == nil {
			for i := range file.Decls {
				if d := &file.Decls[i]; symbol(d) == u.Code.Symbol {
					return d, old.Version, true
				}
			}
		}
	}
	// The code lay elsewhere, or under another name: the old spec says what it was.
	d, err := source.ParseSignature(old.Signature)
	return d, old.Version, err == nil
}

func symbol(d *source.Decl) string {
	if d.Kind == source.Method {
		return d.Recv + "." + d.Name
	}
	return d.Name
}

// breaks reports whether a caller of before may not compile against now: anything but the names of parameters and
// results has changed.
func breaks(before, now *source.Decl) bool {
	nameless := func(d *source.Decl) *source.Decl {
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
	return signatureDiff(nameless(before), nameless(now)) != ""
}

type version [3]int

// parseVersion reads the numbers of a semantic version; pre-release and build do not count here.
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

func (v version) next(breaking bool) version {
	switch {
	case !breaking:
		return version{v[0], v[1], v[2] + 1}
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
