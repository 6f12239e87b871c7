package search

import "fmt"

// String says it in a line: "subprocess as process (synonym) in name, tags".
func (w Why) String() string {
	if w.How == HowExact {
		return fmt.Sprintf("%s in %s", w.Text, w.Fields)
	}
	return fmt.Sprintf("%s as %s (%s) in %s", w.Text, w.As, w.How, w.Fields)
}

// explain fills in why a unit was found.
func (r *ranker) explain(h *Hit) {
	h.Why = r.why(h.doc)
	h.Full = len(h.Why) == r.telling && r.telling > 0 || r.exact != nil && r.exact.cells[h.doc].value > 0
}

// why describes how a unit has its words.
func (r *ranker) why(doc int) []Why {
	var all []Why
	for i := range r.words {
		w := &r.words[i]
		c := w.leaf.cells[doc]
		if c.value == 0 {
			continue
		}
		why := Why{Text: w.want.Text, How: c.how, Fields: c.fields & allFields, weight: w.idf * float64(c.value)}
		if c.how != HowExact {
			why.As = r.index.heldAs(w.want, doc, c.how)
		}
		all = append(all, why)
	}
	return all
}

// heldAs returns the word that a unit has instead of a queried one.
func (x *Index) heldAs(w *want, doc int, how How) string {
	p := &x.parts[x.partOf(doc)]
	doc -= p.base
	best, bestImpact := "", uint8(0)
	consider := func(at int) {
		if impact, ok := p.seg.impactOf(at, doc); ok && impact > bestImpact {
			best, bestImpact = string(p.seg.words.at(at)), impact
		}
	}
	for _, word := range w.insteadOf(how) {
		switch at := p.seg.words.lowerBound(word); how {
		case HowKin:
			p.seg.kin(word, consider)
		case HowBeginning:
			for end := p.seg.words.afterPrefix(at, word); at < end; at++ {
				consider(at)
			}
		default:
			if at = p.seg.word(word); at >= 0 {
				consider(at)
			}
			p.seg.related(word, consider)
		}
	}
	return best
}

// insteadOf lists the words as which a want may have been found.
func (w *want) insteadOf(how How) []string {
	switch how {
	case HowSynonym:
		return w.also
	case HowTypo:
		return w.near
	}
	return w.parts
}

// impactOf returns the impact of a word in a unit, if the unit has it.
func (s *segment) impactOf(word, doc int) (uint8, bool) {
	list := s.posts.at(word)
	at := -1
	for i := 0; i < len(list); {
		gap, from := posting(list, i)
		at += gap
		i = from + 2
		if at >= doc {
			return list[from], at == doc
		}
	}
	return 0, false
}
