package search

import (
	"math"
	"slices"
	"strings"
)

const (
	batchDocs = 4096 // units per builder: their numbers fit 16 bits, and its maps stay in the cache
	maxRuns   = 8    // parts of a name of which every run is indexed joined
	maxWhole  = 255  // bytes of a joined identifier, name or key that is indexed
)

// builder makes a segment of up to batchDocs units.
type builder struct {
	analyzer
	ids     map[string]uint32
	words   []string
	marks   []mark // by word
	touched []uint32
	lengths [numFields]int
	found   []occurrence
	forward []uint32 // words plus one, and textEnd
	fwdEnds []int

	keys   items
	boosts f32s
	types  typeTable
	sigs   items
}

// mark is the occurrences of a word in the current unit.
type mark struct {
	doc    uint32 // plus one
	fields Field
	tf     [numFields]float32
}

type occurrence struct {
	word   uint32
	doc    uint16
	impact uint8
	fields Field
}

// newBuilder makes a builder for this many units of the usual size.
func newBuilder(units int) *builder {
	return &builder{
		ids: make(map[string]uint32, min(1<<14, 64*units)), types: newTypeTable(), found: make([]occurrence, 0, usualWords*units),
	}
}

// usualWords is the usual number of distinct words in a unit's texts.
const usualWords = 64

func (b *builder) add(d *Doc) {
	b.lengths = [numFields]int{}
	b.name(d)
	b.text(inDescription, d.Description, true)
	for _, t := range d.Tags {
		b.text(inTags, t, true)
	}
	b.fwdEnds = append(b.fwdEnds, len(b.forward))
	b.text(inParams, d.Params, false)
	b.text(inBody, d.Body, false)
	b.weigh()
	b.keys.add([]byte(d.Key))
	b.boosts = b.boosts.add(cleanBoost(d.Boost))
	b.sigs.blob = b.types.appendSignature(b.sigs.blob, d.Signature)
	b.sigs.close()
}

// name indexes a unit's name in all its runs (a_b_c as a, b, c, ab, bc, abc),
// and name and key as a whole.
func (b *builder) name(d *Doc) {
	b.text(inName, d.Name, true)
	var whole []byte
	for _, s := range []string{d.Name, d.Key} {
		if whole = b.squash(whole[:0], s); len(whole) > 0 && len(whole) <= maxWhole {
			b.note(whole, inName, fieldWhole)
		}
	}
}

// text indexes one text of a field; forward also puts its words into the
// forward list.
func (b *builder) text(field int, text string, forward bool) {
	for pos, ok := b.next(text, 0); ok; pos, ok = b.next(text, pos) {
		n := b.parts()
		for i := range n {
			part := b.run(i, i+1)
			if isStop(part) {
				continue
			}
			b.lengths[field]++
			id := b.note(part, field, 0)
			if forward {
				b.forward = append(b.forward, id+1)
			}
		}
		switch {
		case n == 1:
		case field == inName && n <= maxRuns:
			for i := range n {
				for j := i + 2; j <= n; j++ {
					b.note(b.run(i, j), field, 0)
				}
			}
		case len(b.buf) <= maxWhole:
			b.note(b.buf, field, 0)
		}
	}
	if forward {
		b.forward = append(b.forward, textEnd)
	}
}

// note counts a word in a field of the current unit. A whole that was already
// counted as a word is only marked.
func (b *builder) note(word []byte, field int, extra Field) uint32 {
	id, ok := b.ids[string(word)]
	if !ok {
		id = uint32(len(b.words))
		s := string(word)
		b.ids[s] = id
		b.words, b.marks = append(b.words, s), append(b.marks, mark{})
	}
	m, doc := &b.marks[id], uint32(b.keys.len())+1
	if m.doc != doc {
		*m = mark{doc: doc}
		b.touched = append(b.touched, id)
	}
	if extra == 0 || m.tf[field] == 0 {
		m.tf[field]++
	}
	m.fields |= 1<<field | extra
	return id
}

// weigh turns the counts of the current unit into occurrences.
func (b *builder) weigh() {
	factor := fieldFactors(&b.lengths)
	doc := uint16(b.keys.len())
	for _, id := range b.touched {
		m := &b.marks[id]
		b.found = append(b.found, occurrence{word: id, doc: doc, impact: impact(&m.tf, &factor), fields: m.fields})
	}
	b.touched = b.touched[:0]
}

// finish makes the segment and its boosts. The builder can't be used
// afterwards.
func (b *builder) finish() (*segment, f32s) {
	s := &segment{keys: b.keys, sigs: b.sigs, types: b.types.list, heads: b.types.heads}
	order := upTo(len(b.words))
	slices.SortFunc(order, func(x, y int) int { return strings.Compare(b.words[x], b.words[y]) })
	rank := make([]uint32, len(order))
	for r, id := range order {
		rank[id] = uint32(r)
		s.words.add([]byte(b.words[id]))
	}
	b.postings(s, rank)
	b.forwards(s, rank)
	s.derive()
	s.byKey = sortedKeys(s)
	s.inflected = sortedInflected(s, func(yield func(int)) {
		for i, id := range order {
			if w := b.words[id]; stem(w) != w {
				yield(i)
			}
		}
	})
	return s, b.boosts
}

// usualPosting is the usual number of bytes per posting.
const usualPosting = 3

// postings sorts the occurrences by word (by counting, which keeps the units in
// order) and encodes them.
func (b *builder) postings(s *segment, rank []uint32) {
	starts := make([]int, len(rank)+1)
	for i := range b.found {
		o := &b.found[i]
		o.word = rank[o.word]
		starts[o.word+1]++
	}
	for i := range rank {
		starts[i+1] += starts[i]
	}
	sorted := make([]occurrence, len(b.found))
	next := slices.Clone(starts)
	s.posts.blob = make([]byte, 0, usualPosting*len(b.found))
	for _, o := range b.found {
		sorted[next[o.word]] = o
		next[o.word]++
	}
	for i := range rank {
		last := -1
		for _, o := range sorted[starts[i]:starts[i+1]] {
			s.posts.blob = appendPosting(s.posts.blob, int(o.doc)-last, o.impact, o.fields)
			last = int(o.doc)
		}
		s.posts.close()
	}
}

func (b *builder) forwards(s *segment, rank []uint32) {
	start := 0
	for _, end := range b.fwdEnds {
		for _, w := range b.forward[start:end] {
			if w != textEnd {
				w = rank[w-1] + 1
			}
			s.forward.blob = appendUvarint(s.forward.blob, uint64(w))
		}
		s.forward.close()
		start = end
	}
}

// cleanBoost turns any number into a valid boost: finite and not negative.
func cleanBoost(v float64) float32 {
	if !(v > 0) {
		return 0
	}
	return float32(min(v, math.MaxFloat32))
}
