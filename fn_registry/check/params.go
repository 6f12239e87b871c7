package check

import (
	"fmt"
	"slices"
	"strings"

	"fnregistry.dev/fn_registry/catalog"
	"fnregistry.dev/fn_registry/source"
	"fnregistry.dev/fn_registry/spec"
	"fnregistry.dev/functions/core"
)

var paramsRule = &Rule{
	Name: "params", Severity: Error, Summary: "params are the function's parameters, in order, config fields included",
	Explanation: "Lists every parameter under its Go name. If its type is a plain struct of the same package, it is described by its exported fields, as `cfg.Field`, in the struct's order; an entry for the parameter itself may stand " +
		"before them. For a type, entries are optional and name exported fields.\n\n`-fix` corrects the order and removes what does not exist; descriptions have to be written by hand.",
	unit: func(p *pass, u *catalog.Unit) {
		if u.Code == nil || p.reported("params") {
			return
		}
		if u.Code.Kind == source.Type {
			p.checkFields(u)
			return
		}
		p.checkParams(u)
	},
}

// wanted is an entry that params should have.
type wanted struct {
	name     string
	optional bool
	field    *source.Field // of a config struct
}

func wantedParams(code *catalog.Code) []wanted {
	var list []wanted
	for _, param := range code.Params {
		if param.Name == "" || param.Name == "_" || param.Embedded {
			continue // it has no name
		}
		list = append(list, wanted{name: param.Name, optional: len(param.Config) > 0})
		for i := range param.Config {
			list = append(list, wanted{name: param.Name + "." + param.Config[i].Name, field: &param.Config[i]})
		}
	}
	return list
}

func (p *pass) checkParams(u *catalog.Unit) {
	want := wantedParams(u.Code)
	var known []string
	for _, w := range want {
		known = append(known, w.name)
	}
	stated := map[string]bool{}
	fixed := fixedParams(u.Spec.Params, want)
	fix := func() *Fix { return p.set("params", fixed) }
	for i, param := range u.Spec.Params {
		stated[param.Name] = true
		if !slices.Contains(known, param.Name) {
			free := slices.DeleteFunc(slices.Clone(known), func(name string) bool {
				return slices.ContainsFunc(u.Spec.Params, func(q spec.Param) bool { return q.Name == name })
			})
			p.item("params", i, fix(), "%s", unknownParam(param.Name, free))
		}
	}
	for _, w := range want {
		if w.optional || stated[w.name] {
			continue
		}
		if w.field != nil {
			p.key("params", nil, "the exported field %s is not in params", w.name)
		} else {
			p.key("params", nil, "the parameter %s is not in params", w.name)
		}
	}
	if i := misplaced(u.Spec.Params, known); i >= 0 {
		p.item("params", i, fix(), "params are not in the code's order: %s is too early or too late", u.Spec.Params[i].Name)
	}
}

// unknownParam describes what is wrong with an entry; free are the names that
// params lacks.
func unknownParam(name string, free []string) string {
	message := fmt.Sprintf("params has %s, which the function does not", name)
	if _, field, ok := strings.Cut(name, "."); ok {
		message = fmt.Sprintf("params has %s, but the struct has no exported field %s", name, field)
	}
	if near := spec.Suggest(name, free); near != "" {
		message += "; " + core.DidYouMean(near)
	}
	return message
}

// fixedParams keeps the entries that exist, in the code's order.
func fixedParams(params []spec.Param, want []wanted) []spec.Param {
	fixed := []spec.Param{}
	for _, w := range want {
		if i := slices.IndexFunc(params, func(p spec.Param) bool { return p.Name == w.name }); i >= 0 {
			fixed = append(fixed, params[i])
		}
	}
	return fixed
}

// misplaced returns the first entry that precedes one that comes earlier in the
// code, or -1.
func misplaced(params []spec.Param, known []string) int {
	last := 0
	for i, param := range params {
		at := slices.Index(known, param.Name)
		if at < 0 {
			continue
		}
		if at < last {
			return i
		}
		last = at
	}
	return -1
}

func (p *pass) checkFields(u *catalog.Unit) {
	var known []string
	for _, f := range u.Code.Fields {
		known = append(known, f.Name)
	}
	for i, param := range u.Spec.Params {
		if !slices.Contains(known, param.Name) {
			message := fmt.Sprintf("params has %s, which is not an exported field of the type", param.Name)
			if near := spec.Suggest(param.Name, known); near != "" {
				message += "; " + core.DidYouMean(near)
			}
			p.item("params", i, nil, "%s", message)
		}
	}
}
