package search

import "strings"

// Factors, each at most 1, for how well two different types match.
const (
	matchBare     = 0.97 // DB for sql.DB
	matchSpread   = 0.97 // []T for ...T
	matchPointer  = 0.9  // T for *T
	matchCase     = 0.9  // db for DB
	matchUnended  = 0.8  // sql.D for sql.DB
	matchGeneric  = 0.9  // List for List[T]
	matchChanDir  = 0.9  // chan T for <-chan T
	matchHole     = 0.8  // _ for anything
	matchUnitVar  = 0.8  // int for the unit's T
	matchQueryVar = 0.7  // T for the unit's int
	matchAny      = 0.4  // int for a parameter of type any
)

// binding is what the type parameters of a unit and of a query stand for.
type binding struct {
	unit, query [maxParameters]*typ
	named       *NamedTypes
}

// matchTop is match for a whole parameter or result: a parameter of type any
// accepts anything.
func (b *binding) matchTop(side int, q, d *typ) float64 {
	if d.kind == kindAny && side == paramSide && q.kind != kindAny && q.kind != kindVar {
		return matchAny
	}
	return b.match(q, d)
}

// match is how well a unit's type d fits the type q of a query, 0 (not at all)
// to 1 (the same). It binds type parameters, and fails if one is already bound
// to something else.
func (b *binding) match(q, d *typ) float64 {
	if b.named == nil || len(b.named.of(q)) == 0 && len(b.named.of(d)) == 0 {
		return b.direct(q, d)
	}
	before := *b
	if score := b.direct(q, d); score > 0 {
		return score
	}
	*b = before
	return b.seeThrough(q, d)
}

// direct is match without considering what the two types' own names stand for.
func (b *binding) direct(q, d *typ) float64 {
	switch {
	case q.kind == kindHole:
		return matchHole
	case q.kind == kindVar && d.kind == kindVar:
		return b.bindBoth(q, d)
	case q.kind == kindVar:
		return bind(&b.query[q.aux], d, matchQueryVar)
	case d.kind == kindVar:
		return bind(&b.unit[d.aux], q, matchUnitVar)
	case q.kind == kindPointer && d.kind != kindPointer:
		return b.matchPointee(q.elems[0], d, q.elems[0])
	case d.kind == kindPointer && q.kind != kindPointer:
		return b.matchPointee(q, d.elems[0], d.elems[0])
	case q.kind == kindSlice && d.kind == kindVariadic, q.kind == kindVariadic && d.kind == kindSlice:
		return matchSpread * b.match(q.elems[0], d.elems[0])
	case q.kind != d.kind:
		return 0
	}
	return b.matchKind(q, d)
}

func (b *binding) matchKind(q, d *typ) float64 {
	switch q.kind {
	case kindAny:
		return 1
	case kindNamed:
		score := matchNames(q, d)
		if score > 0 && len(q.elems) == 0 && len(d.elems) > 0 {
			return score * matchGeneric
		}
		return score * b.matchElems(q, d)
	case kindOpaque:
		if q.name != d.name {
			return 0
		}
	case kindArray:
		if q.name != d.name && q.name != "_" {
			return 0
		}
	case kindChan:
		if q.aux != d.aux {
			if q.aux&d.aux == 0 { // one only sends, the other only receives
				return 0
			}
			return matchChanDir * b.matchElems(q, d)
		}
	case kindFunc:
		if q.aux != d.aux {
			return 0
		}
	}
	return b.matchElems(q, d)
}

// matchPointee matches a type with what a pointer points to, unless that is
// open: *T and *_ stand for pointers only.
func (b *binding) matchPointee(q, d, pointee *typ) float64 {
	if pointee.kind == kindVar || pointee.kind == kindHole {
		return 0
	}
	return matchPointer * b.match(q, d)
}

// matchElems is the mean over the elements, in order; 0 if one of them does not
// match.
func (b *binding) matchElems(q, d *typ) float64 {
	if len(q.elems) != len(d.elems) {
		return 0
	}
	if len(q.elems) == 0 {
		return 1
	}
	sum := 0.0
	for i := range q.elems {
		s := b.match(q.elems[i], d.elems[i])
		if s == 0 {
			return 0
		}
		sum += s
	}
	return sum / float64(len(q.elems))
}

func matchNames(q, d *typ) float64 {
	score := 1.0
	switch {
	case q.pkg == d.pkg:
	case q.pkg == "" && q.unended && hasPrefixFold(d.pkg, q.name):
		return matchUnended
	case q.pkg == "" || d.pkg == "":
		score = matchBare
	default:
		return 0
	}
	switch {
	case q.name == d.name:
		return score
	case strings.EqualFold(q.name, d.name):
		return score * matchCase
	case q.unended && hasPrefixFold(d.name, q.name):
		return score * matchUnended
	}
	return 0
}

func hasPrefixFold(s, prefix string) bool {
	return len(s) >= len(prefix) && strings.EqualFold(s[:len(prefix)], prefix)
}

func bind(slot **typ, t *typ, score float64) float64 {
	if *slot == nil {
		*slot = t
	}
	if !(*slot).equal(t) {
		return 0
	}
	return score
}

func (b *binding) bindBoth(q, d *typ) float64 {
	if bind(&b.query[q.aux], d, 1) == 0 {
		return 0
	}
	return bind(&b.unit[d.aux], q, 1)
}
