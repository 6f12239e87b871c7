package core

import "slices"

// sketchBuckets counts by bucket index, in one dense run of bounded length.
// Once the run is full, values below it are counted in its lowest bucket.
type sketchBuckets struct {
	offset int // index of counts[0]
	counts []uint64
	total  uint64
}

func (b *sketchBuckets) add(index int, n uint64, limit int) {
	b.total += n
	if len(b.counts) == 0 {
		b.offset, b.counts = index, append(b.counts[:0], n)
		return
	}
	last := b.offset + len(b.counts) - 1
	switch {
	case index < b.offset:
		index = max(index, last-limit+1)
		b.growDown(index)
	case index > last:
		b.growUp(index, limit)
	}
	b.counts[index-b.offset] += n
}

// growDown extends the run downwards to start at index.
func (b *sketchBuckets) growDown(index int) {
	if more := b.offset - index; more > 0 {
		b.counts = slices.Insert(b.counts, 0, make([]uint64, more)...)
		b.offset = index
	}
}

// growUp extends the run upwards to end at index. Buckets more than limit below
// it collapse into the lowest bucket.
func (b *sketchBuckets) growUp(index, limit int) {
	if lowest := index - limit + 1; lowest > b.offset {
		drop := min(lowest-b.offset, len(b.counts))
		var collapsed uint64
		for _, n := range b.counts[:drop] {
			collapsed += n
		}
		b.counts = slices.Delete(b.counts, 0, drop)
		b.offset += drop
		if len(b.counts) == 0 {
			b.offset = lowest
			b.counts = append(b.counts, 0)
		}
		b.counts[0] += collapsed
	}
	b.counts = append(b.counts, make([]uint64, index-b.offset-len(b.counts)+1)...)
}

func (b *sketchBuckets) merge(other *sketchBuckets, limit int) {
	if len(other.counts) == 0 {
		return
	}
	// A copy, as other may be b. The highest first, so that no bucket is
	// allocated for counts that collapse anyway.
	offset, counts := other.offset, slices.Clone(other.counts)
	for i := len(counts) - 1; i >= 0; i-- {
		if counts[i] != 0 {
			b.add(offset+i, counts[i], limit)
		}
	}
}

// at returns the index of the bucket that holds the value with the given rank,
// counted from the lowest bucket; rank < total.
func (b *sketchBuckets) at(rank uint64) int {
	for i, n := range b.counts {
		if rank < n {
			return b.offset + i
		}
		rank -= n
	}
	return b.offset + len(b.counts) - 1
}
