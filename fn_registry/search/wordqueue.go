package search

import "bytes"

// cursor is a position in the dictionary of one of several parts.
type cursor struct {
	word  []byte
	part  int
	index int
}

// wordQueue is a heap of cursors, one per part: the smallest word first, ties
// by the earliest part.
type wordQueue []cursor

func newWordQueue(parts []part) wordQueue {
	var q wordQueue
	for i, p := range parts {
		if p.seg.words.len() > 0 {
			q = append(q, cursor{p.seg.words.at(0), i, 0})
		}
	}
	for i := len(q)/2 - 1; i >= 0; i-- {
		q.sink(i)
	}
	return q
}

// next takes the first cursor and advances its part.
func (q *wordQueue) next(parts []part) cursor {
	h := *q
	first := h[0]
	words := parts[first.part].seg.words
	if first.index+1 < words.len() {
		h[0].index++
		h[0].word = words.at(h[0].index)
	} else {
		h[0] = h[len(h)-1]
		h = h[:len(h)-1]
	}
	h.sink(0)
	*q = h
	return first
}

func (q wordQueue) sink(i int) {
	for {
		least := i
		for _, child := range [2]int{2*i + 1, 2*i + 2} {
			if child < len(q) && q.less(child, least) {
				least = child
			}
		}
		if least == i {
			return
		}
		q[i], q[least] = q[least], q[i]
		i = least
	}
}

func (q wordQueue) less(i, j int) bool {
	if c := bytes.Compare(q[i].word, q[j].word); c != 0 {
		return c < 0
	}
	return q[i].part < q[j].part
}
