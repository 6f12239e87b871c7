package search

// Doc is what is known about a unit. Only Key is needed.
type Doc struct {
	Key         string // the unit's ID; unique in the index
	Name        string
	Tags        []string
	Description string
	Params      string // description of parameters and result
	Body        string // gotchas, when to use
	Signature   string // as in the spec: func F(ctx context.Context) error
	// Boost says how much the unit is used, for example by how many units and
	// apps. It counts by its logarithm: 10 raise a score by an eighth, 1000 by
	// a third. What is below 0, or no number, is 0.
	Boost float64
}

// Index answers queries. It is immutable and needs no closing. The zero Index
// is empty and ready for use.
type Index struct {
	parts []part
	slots int // units, including removed ones
	live  int
	named func() *NamedTypes // may be nil
}

// part is a segment plus its mutable state.
type part struct {
	seg    *segment
	base   int    // number in the index of the segment's first unit
	dead   bitmap // removed units
	deads  int
	boosts f32s
}

func (p *part) live() int { return p.seg.len() - p.deads }

// newIndex combines parts and numbers their units.
func newIndex(parts []part) *Index {
	x := &Index{parts: parts}
	for i := range parts {
		p := &x.parts[i]
		p.base = x.slots
		x.slots += p.seg.len()
		x.live += p.live()
	}
	return x
}

// Len is the number of units.
func (x *Index) Len() int { return x.live }

// Size is the index's memory in bytes.
func (x *Index) Size() int {
	n := 0
	for i := range x.parts {
		p := &x.parts[i]
		for _, b := range p.seg.sections() {
			n += len(*b)
		}
		n += len(p.seg.keyText) + len(p.seg.classes) + len(p.dead) + len(p.boosts)
	}
	return n
}

// WithBoosts returns the same index with new boosts (see [Doc]), which boost is
// asked for by key. It costs one call a unit and copies nothing else.
func (x *Index) WithBoosts(boost func(key string) float64) *Index {
	parts := make([]part, len(x.parts))
	for i, p := range x.parts {
		p.boosts = make(f32s, 0, 4*p.seg.len())
		for doc := range p.seg.len() {
			v := float32(0)
			if !p.dead.has(doc) {
				v = cleanBoost(boost(p.seg.key(doc)))
			}
			p.boosts = p.boosts.add(v)
		}
		parts[i] = p
	}
	out := newIndex(parts)
	out.named = x.named
	return out
}

// partOf returns the number of the part that holds a unit.
func (x *Index) partOf(doc int) int {
	i := 0
	for i+1 < len(x.parts) && x.parts[i+1].base <= doc {
		i++
	}
	return i
}

func (x *Index) key(doc int) string {
	p := &x.parts[x.partOf(doc)]
	return p.seg.key(doc - p.base)
}
