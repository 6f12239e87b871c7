package main

import (
	"slices"
	"strings"
)

// signature draws what a function takes and returns. ownTypes is where the
// types of its own package begin in d.types.
func (d *drawer) signature(u *unit, level, ownTypes int) signature {
	switch n := d.r.IntN(100); {
	case n < 6:
		u.pure = true
		return genericSignature(genericSort + form(d.r.IntN(4)))
	case n < 9 && !u.pure:
		return signature{form: sqlCount, ctx: true, err: true, ownError: true, result: result{kind: basic, typ: typeIndex["int64"]},
			params: []param{{name: "db", typ: -1}, {name: "name", typ: typeIndex["string"]}}}
	case n < 12 && !u.pure:
		return signature{
			form:   httpLimit,
			params: []param{{name: "next", typ: -1}, {name: "limit", typ: typeIndex["int64"]}},
		}
	}
	s := signature{ctx: !u.pure && d.r.IntN(3) > 0}
	d.drawParams(u, &s, level, ownTypes)
	if d.r.IntN(5) < 1+2*b2i(!u.pure) {
		s.config = d.fields(2 + d.r.IntN(4))
	}
	if len(s.params) == 0 && s.config == nil {
		s.config = d.fields(3)
	}
	if n := len(s.params); n > 0 && s.config == nil && s.params[n-1].typ == typeIndex["string"] && d.r.IntN(8) == 0 {
		s.params[n-1].variadic, s.params[n-1].typ = true, typeIndex["[]string"]
	}
	d.drawResult(u, &s, level, ownTypes)
	return s
}

func b2i(b bool) int {
	if b {
		return 1
	}
	return 0
}

func (d *drawer) drawParams(u *unit, s *signature, level, ownTypes int) {
	for range d.r.IntN(4 - b2i(s.ctx)) {
		if unit := d.knownType(level, ownTypes); unit >= 0 && d.r.IntN(8) == 0 {
			name := d.units[unit].name
			s.params = append(
				s.params,
				param{name: "one" + capital(name[strings.LastIndexByte(name, '_')+1:]), typ: -1, unit: unit},
			)
			continue
		}
		t := drawType(d.r, func(t goType) bool { return t.param && (!u.pure || !t.impure) })
		names := types[t].names
		p := param{name: names[d.r.IntN(len(names))], typ: t}
		if !slices.ContainsFunc(s.params, func(q param) bool { return q.name == p.name }) {
			s.params = append(s.params, p)
		}
	}
	names := map[string]bool{}
	// Two types may share their last word.
	s.params = slices.DeleteFunc(s.params, func(p param) bool {
		twice := names[p.name]
		names[p.name] = true
		return twice
	})
}

// knownType draws a registered type that a package of this level can name, or
// -1.
func (d *drawer) knownType(level, own int) int32 {
	below := d.below(d.types, level)
	switch n := len(d.types) - own; {
	case n > 0 && d.r.IntN(3) == 0:
		return d.types[own+d.r.IntN(n)]
	case below > 0:
		return d.types[d.r.IntN(below)]
	}
	return -1
}

func (d *drawer) drawResult(u *unit, s *signature, level, ownTypes int) {
	s.guard = d.drawGuard(s)
	io := slices.ContainsFunc(s.params, func(p param) bool { return p.typ >= 0 && types[p.typ].impure })
	s.err = io || (s.guard >= 0 || s.ctx) && d.r.IntN(10) < 4+5*b2i(!u.pure)
	s.ownError = s.err && (s.guard >= 0 || s.ctx) && d.r.IntN(5) > 0
	s.ok = !s.err && s.guard >= 0 && d.r.IntN(8) == 0
	if s.err && d.r.IntN(6) == 0 {
		return // nothing but the error
	}
	switch n := d.r.IntN(12); {
	case n == 0:
		if unit := d.knownType(level, ownTypes); unit >= 0 {
			s.result = result{kind: known, unit: unit}
			return
		}
	case n < 4 && (s.config != nil || s.ctx):
		s.result = result{kind: record}
		return
	}
	s.result = result{kind: basic, typ: drawType(d.r, func(t goType) bool { return t.result })}
}

// drawGuard picks the parameter that is checked first.
func (d *drawer) drawGuard(s *signature) int {
	for i, p := range s.params {
		if p.typ >= 0 && types[p.typ].guard != "" && !(p.variadic && d.r.IntN(2) == 0) {
			return i
		}
	}
	if guardedField(s.config) >= 0 {
		return len(s.params)
	}
	return -1
}

// guardedField is the first field that may not be negative, or -1.
func guardedField(fields []uint8) int {
	for _, f := range fields {
		if configFields[f].guarded {
			return int(f)
		}
	}
	return -1
}

func genericSignature(f form) signature {
	s := signature{form: f, guard: -1}
	s.result.kind = basic
	switch f {
	case genericSort:
		s.params = []param{{name: "values", typ: -1}, {name: "limit", typ: typeIndex["int"]}}
		s.result.typ = typeIndex["[]int"]
	case genericMerge:
		s.params = []param{{name: "first", typ: -1}, {name: "second", typ: -1}}
		s.result.typ = typeIndex["map[string]int"]
	case genericKeep:
		s.params = []param{{name: "items", typ: -1}, {name: "keep", typ: -1}}
		s.result.typ = typeIndex["[]string"]
	case genericGroup:
		s.params = []param{{name: "items", typ: -1}, {name: "key", typ: -1}}
		s.result.typ = typeIndex["map[string]int"]
	}
	return s
}
