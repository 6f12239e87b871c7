package search

import "slices"

const (
	mergeRatio   = 3       // a part smaller than this multiple of the next one is merged with it
	maxPartBytes = 1 << 30 // parts are not merged beyond this, since their offsets have 32 bits
)

// Update returns an index without the units whose keys are in removed and with
// the added ones, which replace units of the same key (of two added ones with
// the same key, the later one counts). Keys that are not there are ignored.
// What did not change is shared with x, which stays as it is.
//
// The cost is that of the added units, and now and then of merging small parts
// into larger ones: with 100,000 units, typically well under a millisecond,
// rarely a second.
func (x *Index) Update(removed []string, added []Doc) *Index {
	parts := slices.Clone(x.parts)
	own := make([]bool, len(parts))
	drop := func(key string) {
		for i := range parts {
			p := &parts[i]
			doc := p.seg.find(key)
			if doc < 0 || p.dead.has(doc) {
				continue
			}
			if !own[i] {
				p.dead, own[i] = slices.Clone(p.dead), true
			}
			p.remove(doc)
		}
	}
	for _, key := range removed {
		drop(key)
	}
	added = lastOfEach(added)
	for i := range added {
		drop(added[i].Key)
	}
	out := newIndex(settle(append(parts, buildBatches(slices.Values(added))...)))
	out.named = x.named
	return out
}

// lastOfEach keeps the last of docs with the same key.
func lastOfEach(docs []Doc) []Doc {
	last := make(map[string]int, len(docs))
	for i := range docs {
		last[docs[i].Key] = i
	}
	if len(last) == len(docs) {
		return docs
	}
	kept := make([]Doc, 0, len(last))
	for i := range docs {
		if last[docs[i].Key] == i {
			kept = append(kept, docs[i])
		}
	}
	return kept
}

// settle keeps the number of parts small: it rewrites parts that are mostly
// removed, and merges small parts at the end of the list.
func settle(parts []part) []part {
	parts = slices.DeleteFunc(parts, func(p part) bool { return p.live() == 0 })
	for i := range parts {
		if 3*parts[i].deads > parts[i].seg.len() {
			parts[i] = merge(parts[i : i+1])
		}
	}
	from := len(parts) - 1
	size := 0
	for i := len(parts) - 1; i >= 0; i-- {
		if i < len(parts)-1 && parts[i].live() >= mergeRatio*size {
			break
		}
		size += parts[i].live()
		from = i
	}
	if from < 0 || from == len(parts)-1 {
		return parts
	}
	return append(parts[:from:from], compact(parts[from:])...)
}

// compact merges parts into as few as possible, without removed units.
func compact(parts []part) []part {
	var out []part
	for len(parts) > 0 {
		n, size := 0, 0
		for n < len(parts) && (n == 0 || size+parts[n].bytes() < maxPartBytes) {
			size += parts[n].bytes()
			n++
		}
		if n == 1 && parts[0].deads == 0 {
			out = append(out, parts[0])
		} else {
			out = append(out, merge(parts[:n]))
		}
		parts = parts[n:]
	}
	return slices.DeleteFunc(out, func(p part) bool { return p.seg.len() == 0 })
}

func (p *part) bytes() int {
	n := 0
	for _, b := range p.seg.sections() {
		n += len(*b)
	}
	return n
}
