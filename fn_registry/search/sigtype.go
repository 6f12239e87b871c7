package search

import (
	"hash/fnv"
	"strings"
)

type typeKind uint8

const (
	kindNamed   typeKind = iota + 1 // elems: type arguments
	kindVar                         // aux: number of the type parameter
	kindHole                        // _ in a query
	kindAny                         // any, interface{}
	kindPointer                     // one elem, as in the next three
	kindSlice
	kindVariadic
	kindArray  // name: length
	kindMap    // two elems
	kindChan   // aux: ast.ChanDir
	kindFunc   // aux: number of parameters; elems: parameters, then results
	kindOpaque // a struct or interface literal; name: its text
	kindLast   = kindOpaque
)

const (
	maxTypeDepth  = 24   // nesting of a type that is read
	maxTypes      = 64   // parameters or results of a signature that is read
	maxSignature  = 4096 // bytes of a signature that is read
	maxParameters = 16   // type parameters of a signature that is read
)

// typ is a type in a signature.
type typ struct {
	kind      typeKind
	aux       int
	pkg, name string
	elems     []*typ
	unended   bool // in a query: the name may be incomplete
}

func (t *typ) equal(o *typ) bool {
	if t.kind != o.kind || t.aux != o.aux || t.pkg != o.pkg || t.name != o.name || len(t.elems) != len(o.elems) {
		return false
	}
	for i := range t.elems {
		if !t.elems[i].equal(o.elems[i]) {
			return false
		}
	}
	return true
}

// open reports whether the type has a type parameter or a hole anywhere.
func (t *typ) open() bool {
	if t.kind == kindVar || t.kind == kindHole {
		return true
	}
	for _, e := range t.elems {
		if e.open() {
			return true
		}
	}
	return false
}

// headWild is the head of a type that may match any other.
const headWild = 0

// head is a hash that rejects most pairs of types that don't match; pointers
// don't count.
func (t *typ) head() uint32 {
	switch t.kind {
	case kindPointer:
		return t.elems[0].head()
	case kindNamed:
		if t.unended {
			return headWild
		}
		h := fnv.New32a()
		h.Write([]byte(strings.ToLower(t.name)))
		return h.Sum32() | 1<<4 // never wild, and no other kind's
	case kindVar, kindHole, kindAny:
		return headWild
	case kindVariadic:
		return uint32(kindSlice)
	}
	return uint32(t.kind)
}

// String writes the type as Go does, type parameters as T, U, V and so on.
func (t *typ) String() string {
	var b strings.Builder
	t.write(&b)
	return b.String()
}

func (t *typ) write(b *strings.Builder) {
	switch t.kind {
	case kindNamed:
		if t.pkg != "" {
			b.WriteString(t.pkg + ".")
		}
		b.WriteString(t.name)
		if len(t.elems) > 0 {
			writeList(b, "[", t.elems, "]")
		}
	case kindVar:
		b.WriteByte("TUVWXYZABCDEFGHI"[t.aux])
	case kindHole:
		b.WriteString("_")
	case kindAny:
		b.WriteString("any")
	case kindMap:
		b.WriteString("map[" + t.elems[0].String() + "]" + t.elems[1].String())
	case kindFunc:
		b.WriteString("func")
		writeShape(b, t.elems[:t.aux], t.elems[t.aux:])
	case kindOpaque:
		b.WriteString(t.name)
	default:
		b.WriteString(t.prefix())
		if t.kind == kindChan && t.elems[0].kind == kindChan { // chan <-chan T would be chan<- (chan T)
			writeList(b, "(", t.elems, ")")
		} else {
			t.elems[0].write(b)
		}
	}
}

func (t *typ) prefix() string {
	switch t.kind {
	case kindPointer:
		return "*"
	case kindSlice:
		return "[]"
	case kindVariadic:
		return "..."
	case kindArray:
		return "[" + t.name + "]"
	}
	return [...]string{"chan ", "chan<- ", "<-chan ", "chan "}[t.aux&3]
}

func writeShape(b *strings.Builder, params, results []*typ) {
	writeList(b, "(", params, ")")
	switch len(results) {
	case 0:
	case 1:
		b.WriteByte(' ')
		results[0].write(b)
	default:
		writeList(b, " (", results, ")")
	}
}

func writeList(b *strings.Builder, open string, list []*typ, end string) {
	b.WriteString(open)
	for i, t := range list {
		if i > 0 {
			b.WriteString(", ")
		}
		t.write(b)
	}
	b.WriteString(end)
}
