package search

import (
	"iter"
	"runtime"
	"sync"
)

// Build makes an index of docs. Of two with the same key, the later one counts.
// The words are read on all processors, but docs is called on the caller's
// goroutine. The same docs in the same order give the same bytes in
// [Index.WriteTo].
func Build(docs iter.Seq[Doc]) *Index {
	parts := buildBatches(docs)
	dropDuplicates(parts)
	return newIndex(compact(parts))
}

// buildBatches makes a part of each batch of docs, in order.
func buildBatches(docs iter.Seq[Doc]) []part {
	var (
		made  []*part
		batch []Doc
		wait  sync.WaitGroup
		busy  = make(chan struct{}, runtime.GOMAXPROCS(0))
	)
	flush := func() {
		if len(batch) == 0 {
			return
		}
		busy <- struct{}{}
		p, work := new(part), batch
		made, batch = append(made, p), make([]Doc, 0, batchDocs)
		wait.Go(func() {
			*p = buildPart(work)
			<-busy
		})
	}
	for d := range docs {
		if batch = append(batch, d); len(batch) == batchDocs {
			flush()
		}
	}
	flush()
	wait.Wait()
	parts := make([]part, len(made))
	for i, p := range made {
		parts[i] = *p
	}
	return parts
}

func buildPart(docs []Doc) part {
	b := newBuilder(len(docs))
	for i := range docs {
		b.add(&docs[i])
	}
	seg, boosts := b.finish()
	return part{seg: seg, boosts: boosts}
}

// dropDuplicates marks all but the last unit with each key as removed.
func dropDuplicates(parts []part) {
	seen := map[string]bool{}
	for i := len(parts) - 1; i >= 0; i-- {
		p := &parts[i]
		for doc := p.seg.len() - 1; doc >= 0; doc-- {
			key := p.seg.key(doc)
			if seen[key] {
				p.remove(doc)
			}
			seen[key] = true
		}
	}
}

// remove marks a unit as removed. The bitmap must be owned by the part.
func (p *part) remove(doc int) {
	if p.dead == nil {
		p.dead = newBitmap(p.seg.len())
	}
	if !p.dead.has(doc) {
		p.dead.set(doc)
		p.deads++
	}
}
