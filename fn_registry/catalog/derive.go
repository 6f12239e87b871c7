package catalog

import (
	"slices"
	"strings"

	"fnregistry.dev/fn_registry/source"
	"fnregistry.dev/fn_registry/spec"
)

// Derived is what the code says about the keys that are not written by hand.
// For a program only UsesFunctions and FilePath are set.
type Derived struct {
	Signature      string
	UsesFunctions  []string
	UsesTypes      []string
	Returns        []string
	ReturnsError   bool
	ErrorTypes     []string // the registered types that its errors may have; empty: none found
	Optional       Tri
	OptionalReason string
	Imports        []string
	BuildTags      []string
	Tests          []string
	TestFilePath   string
	FilePath       string
}

// Tri is a yes, a no, or undetermined.
type Tri int8

// The values of a Tri.
const (
	Unknown Tri = iota
	Yes
	No
)

// Derive returns what the unit's spec should say according to the code. ok is
// false if there is no code.
func (c *Catalog) Derive(u *Unit) (d Derived, ok bool) {
	for _, v := range c.Uses(u) {
		if v.ID == "" {
			continue // a file whose name can't be a unit's
		}
		if v.Spec.Kind == spec.KindType {
			d.UsesTypes = append(d.UsesTypes, v.ID)
		} else {
			d.UsesFunctions = append(d.UsesFunctions, v.ID)
		}
	}
	if u.IsApp() {
		packages := c.AppPackages(u)
		d.FilePath = appFile(u, packages)
		return d, len(packages) > 0
	}
	if u.Code == nil {
		return Derived{}, false
	}
	d.Signature, d.FilePath, d.TestFilePath = u.Code.Signature, u.Code.File, u.Code.TestFile
	d.BuildTags = u.Code.BuildTags
	for _, imp := range u.Code.Imports {
		if !c.Local(imp) {
			d.Imports = append(d.Imports, imp)
		}
	}
	for _, t := range u.Code.Tests {
		d.Tests = append(d.Tests, t.Name)
	}
	d.Returns = c.returns(u)
	d.ReturnsError = slices.ContainsFunc(u.Code.Results, func(f source.Field) bool { return f.Type == "error" })
	if d.ReturnsError {
		d.ErrorTypes = c.errorTypes(u, map[*Unit]bool{})
	}
	d.Optional, d.OptionalReason = optional(u.Code)
	return d, true
}

// appFile returns the Go file that a program's spec describes: main.go, else
// the one named after it, else the first.
func appFile(u *Unit, packages []*Dir) string {
	base := strings.TrimSuffix(u.File, ".md")
	dir := base[:strings.LastIndexByte(base, '/')+1]
	for _, d := range packages {
		if d != u.Dir {
			continue
		}
		first := ""
		for _, name := range d.FileNames() {
			if dir+name == base+".go" || name == "main.go" {
				return dir + name
			}
			if first == "" && strings.HasSuffix(name, ".go") && !strings.HasSuffix(name, "_test.go") {
				first = dir + name
			}
		}
		return first
	}
	return ""
}

func (c *Catalog) returns(u *Unit) []string {
	var ids []string
	for _, r := range u.Code.Results {
		name := strings.TrimLeft(r.Type, "*[]")
		name, _, _ = strings.Cut(name, "[")
		qualifier, bare, qualified := strings.Cut(name, ".")
		if !qualified {
			if v := c.names().symbols[symbolKey{u.Dir.PackageKey(), name}]; v != nil && v.Spec.Kind == spec.KindType {
				ids = append(ids, v.ID)
			}
			continue
		}
		for _, v := range c.Uses(u) {
			if v.Spec.Kind == spec.KindType && v.Code != nil && v.Code.Symbol == bare && v.Dir.Package == qualifier {
				ids = append(ids, v.ID)
			}
		}
	}
	slices.Sort(ids)
	return slices.Compact(ids)
}

// errorTypes finds the registered types with an Error method that a unit's code
// itself constructs; if there are none, those of the units that it calls and
// that return errors.
func (c *Catalog) errorTypes(u *Unit, seen map[*Unit]bool) []string {
	seen[u] = true
	var ids []string
	for _, v := range c.Uses(u) {
		if v.Spec.Kind == spec.KindType && v.Code != nil && v.Code.IsError {
			ids = append(ids, v.ID)
		}
	}
	if len(ids) > 0 {
		return ids
	}
	for _, v := range c.Uses(u) {
		if v.Code == nil || seen[v] || !slices.ContainsFunc(v.Code.Results, func(f source.Field) bool { return f.Type == "error" }) {
			continue
		}
		ids = append(ids, c.errorTypes(v, seen)...)
	}
	slices.Sort(ids)
	return slices.Compact(ids)
}

// optional reports whether a nil or a false without an error is a normal
// answer, as far as syntax shows it.
func optional(code *Code) (Tri, string) {
	if code.Kind == source.Type {
		return No, "a type returns nothing"
	}
	results := code.Results
	if len(results) == 0 {
		return No, "it returns nothing"
	}
	last := results[len(results)-1].Type
	if last == "bool" && len(results) > 1 {
		return Yes, "its last result is a bool that reports whether there is an answer"
	}
	if code.NilNil != nil && last == "error" && nilable(results[0].Type) {
		return Yes, "it returns nil without an error"
	}
	for _, r := range results {
		if r.Type != "error" && !neverNil[r.Type] {
			return Unknown, ""
		}
	}
	if len(results) == 1 && last == "error" {
		return No, "it returns nothing but an error"
	}
	return No, "none of its results can be nil or false"
}

func nilable(text string) bool {
	return strings.HasPrefix(text, "*") || strings.HasPrefix(text, "func(") || strings.HasPrefix(text, "interface") || text == "any"
}

var neverNil = map[string]bool{
	"string": true, "int": true, "int8": true, "int16": true, "int32": true, "int64": true, "uint": true, "uint8": true,
	"uint16": true, "uint32": true, "uint64": true, "float32": true, "float64": true, "byte": true, "rune": true,
	"time.Duration": true, "time.Time": true,
}
