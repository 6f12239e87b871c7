package search

import (
	"slices"
	"sync"
)

// How says how a unit matches a word of a query.
type How uint8

// The ways, most certain first.
const (
	HowExact     How = iota // as typed
	HowForm                 // another form: retries for retry
	HowKin                  // another word with the same root: migration for migrate
	HowSynonym              // another word that means the same: process for subprocess
	HowBeginning            // a longer word, which may still be incomplete
	HowTypo                 // a word that differs by typos
)

// String names the way: exact, form, kin, synonym, beginning or typo.
func (h How) String() string { return howRules[h].name }

// howRules define how much each way counts, in 64ths of an impact.
var howRules = [...]struct {
	name  string
	scale uint16
}{
	HowExact: {"exact", scaleExact}, HowForm: {"form", 60}, HowKin: {"kin", 52}, HowSynonym: {"synonym", 56},
	HowBeginning: {"beginning", 36}, HowTypo: {"typo", 36},
}

const (
	scaleExact   = 64
	scaleTwoTypo = 24
	scaleGuess   = 24 // a beginning that is not the last word
	scaleMax     = 255 * scaleExact
)

// cell is how well a unit matches a word, 0 meaning not at all, in which
// fields, and in which way.
type cell struct {
	value  uint16
	fields Field
	how    How
}

// leaf holds the units that match a word.
type leaf struct {
	cells []cell // by unit
	docs  []int  // those whose cell is not zero, in no order
}

var leafPool = sync.Pool{New: func() any { return new(leaf) }}

// newLeaf returns an empty leaf for n units, which must be released.
func newLeaf(n int) *leaf {
	l := leafPool.Get().(*leaf)
	if cap(l.cells) < n {
		l.cells = make([]cell, n)
	}
	l.cells = l.cells[:n]
	return l
}

// release empties the leaf for reuse. A nil leaf is allowed.
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

// put sets a unit's value unless it already has a greater one. Of several ways,
// the most certain counts.
func (l *leaf) put(doc int, value uint16, fields Field, how How) {
	c := &l.cells[doc]
	if c.value == 0 {
		l.docs = append(l.docs, doc)
		*c = cell{value, fields, how}
		return
	}
	c.value, c.how = max(c.value, value), min(c.how, how)
	c.fields |= fields
}

// add adds all units of a list of postings, in which each unit occurs once.
func (l *leaf) add(p *part, list []byte, scale uint16, how How) {
	doc, first := -1, len(l.docs) == 0
	l.docs = slices.Grow(l.docs, len(list)/leastPosting)
	for i := 0; i < len(list); {
		n, at := int(list[i]), i+1
		if n >= 0x80 {
			n, at = posting(list, i)
		}
		i = at + 2
		doc += n
		switch value, fields := uint16(list[at])*scale, Field(list[at+1]); {
		case p.dead != nil && p.dead.has(doc):
		case first:
			l.cells[p.base+doc] = cell{value, fields, how}
			l.docs = append(l.docs, p.base+doc)
		default:
			l.put(p.base+doc, value, fields, how)
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

// addAll adds the units that are in all parts, with the mean of their values.
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
		if c := meanOf(parts, doc); c.value > 0 {
			l.put(doc, c.value, c.fields, c.how)
		}
	}
}

// meanOf combines a unit's cells for all parts: their mean value, all their
// fields, and the least certain of their ways.
func meanOf(parts []*leaf, doc int) cell {
	var sum int
	var mean cell
	for _, p := range parts {
		c := p.cells[doc]
		if c.value == 0 {
			return cell{}
		}
		sum += int(c.value)
		mean.fields |= c.fields
		mean.how = max(mean.how, c.how)
	}
	mean.value = max(1, uint16(sum/len(parts)))
	return mean
}
