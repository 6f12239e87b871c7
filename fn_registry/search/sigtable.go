package search

// sameType is the table's entry for a type that is exactly the queried one.
const sameType = 255

// typeScores is how well each type of a segment fits one slot of a query, 0 to
// sameType. For types with type parameters it is an upper bound; whether they
// fit together is checked later.
type typeScores []uint8

func scoreTypes(s *segment, sl slot, named *NamedTypes) typeScores {
	scores := make(typeScores, s.types.len())
	q := sl.typ
	head := q.head()
	for i := range scores {
		encoded := s.types.at(i)
		if dHead := uint32(s.heads.at(i)); !mayMatch(q, head, dHead, encoded) && !named.mayMatch(q, dHead) {
			continue
		}
		if q.kind == kindVar && typeKind(encoded[0]) != kindVar {
			scores[i] = quantize(matchQueryVar) // whatever it is: no need to read it
			continue
		}
		d, err := decodeType(encoded)
		if err != nil {
			continue
		}
		b := binding{named: named}
		scores[i] = quantize(b.matchTop(sl.side, q, d))
	}
	return scores
}

func quantize(score float64) uint8 {
	if score <= 0 {
		return 0
	}
	return max(1, uint8(score*sameType))
}

// mayMatch rejects most types that don't match, without decoding them.
func mayMatch(q *typ, qHead, dHead uint32, encoded []byte) bool {
	switch {
	case dHead == headWild:
		return true
	case q.kind == kindAny:
		return false
	case q.unended && q.kind == kindNamed:
		return mayContinue(q, encoded)
	case q.kind == kindPointer && (q.elems[0].kind == kindVar || q.elems[0].kind == kindHole):
		return typeKind(encoded[0]) == kindPointer
	}
	return qHead == headWild || qHead == dHead
}

// mayContinue reports whether the name of a named type, or of its package,
// begins with q's.
func mayContinue(q *typ, encoded []byte) bool {
	r := typeReader{rest: encoded}
	for {
		kind := typeKind(r.number(int(kindLast)))
		r.number(maxTypes)
		pkg := r.bytes()
		name := r.bytes()
		n := r.number(2 * maxTypes)
		if kind != kindPointer || n != 1 {
			return kind == kindNamed && (beginsFold(name, q.name) || beginsFold(pkg, q.name))
		}
	}
}

// beginsFold compares ASCII letters ignoring case; for others it only reports
// that they may be equal.
func beginsFold(b []byte, prefix string) bool {
	if len(b) < len(prefix) {
		return false
	}
	for i := range len(prefix) {
		x, y := b[i], prefix[i]
		if x|0x20 != y|0x20 && x < 0x80 && y < 0x80 {
			return false
		}
	}
	return true
}
