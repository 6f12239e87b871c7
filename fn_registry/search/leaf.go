package search

import "sync"

// How much a way of matching counts, in 64ths of an impact.
const (
	scaleExact   = 64
	scaleStem    = 60
	scalePrefix  = 46
	scaleOneTypo = 40
	scaleTwoTypo = 28
	scaleGuess   = 28 // as a beginning, though it was not the last word
	scaleMax     = 255 * scaleExact
)

// sure marks a cell's value as found without forgiving typing errors. Such values are greater than all others.
const sure = 1 << 15

// cell is how well a unit matches a word, 0 being not at all, and in which fields.
type cell struct {
	value  uint16
	fields Field
}

// leaf holds the units that match a word.
type leaf struct {
	cells []cell // by unit
	docs  []int  // those whose cell is not zero, in no order
}

var leafPool = sync.Pool{New: func() any { return new(leaf) }}

// newLeaf returns an empty leaf for n units. It must be released.
func newLeaf(n int) *leaf {
	l := leafPool.Get().(*leaf)
	if cap(l.cells) < n {
		l.cells = make([]cell, n)
	}
	l.cells = l.cells[:n]
	return l
}

// release empties the leaf for the next to use it. A nil leaf is fine.
func (l *leaf) release() {
	if l == nil {
		return
	}
	if 4*len(l.docs) > len(l.cells) {
		clear(l.cells)
	} else {
		for _, doc := range l.docs {
			l.cells[doc] = cell{}
		}
	}
	l.docs = l.docs[:0]
	leafPool.Put(l)
}

// put gives a unit a value unless it has a greater one.
func (l *leaf) put(doc int, value uint16, fields Field) {
	c := &l.cells[doc]
	if value > c.value {
		if c.value == 0 {
			l.docs = append(l.docs, doc)
		}
		c.value = value
	}
	c.fields |= fields
}

// add puts all units of a list of postings.
func (l *leaf) add(p *part, list []byte, scale, flag uint16) {
	doc := -1
	for i := 0; i < len(list); {
		n, at := int(list[i]), i+1
		if n >= 0x80 {
			n, at = posting(list, i)
		}
		i = at + 2
		doc += n
		if p.dead == nil || !p.dead.has(doc) {
			l.put(p.base+doc, uint16(list[at])*scale|flag, Field(list[at+1]))
		}
	}
}

// keep drops the units for which ok is false.
func (l *leaf) keep(ok func(doc int) bool) {
	kept := l.docs[:0]
	for _, doc := range l.docs {
		if ok(doc) {
			kept = append(kept, doc)
		} else {
			l.cells[doc] = cell{}
		}
	}
	l.docs = kept
}

// addAll puts the units that are in all parts, with the mean of their values: sure if all of them are.
func (l *leaf) addAll(parts []*leaf) {
	if len(parts) == 0 {
		return
	}
	least := parts[0]
	for _, p := range parts {
		if len(p.docs) < len(least.docs) {
			least = p
		}
	}
	for _, doc := range least.docs {
		if value, fields := meanOf(parts, doc); value > 0 {
			l.put(doc, value, fields)
		}
	}
}

func meanOf(parts []*leaf, doc int) (uint16, Field) {
	sum, flag, fields := 0, uint16(sure), Field(0)
	for _, p := range parts {
		c := p.cells[doc]
		if c.value == 0 {
			return 0, 0
		}
		sum += int(c.value &^ sure)
		flag &= c.value
		fields |= c.fields
	}
	return max(1, uint16(sum/len(parts))) | flag, fields
}
