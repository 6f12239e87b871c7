package diskqueue

import "errors"

// tryNext returns the next item, or what is closed when there may be one.
func (h *DiskQueueHandle) tryNext() (item DiskQueueItem, grown <-chan struct{}, err error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for {
		if h.closed {
			return item, nil, h.errClosed("next")
		}
		s := h.holding(h.next)
		if s == nil {
			return item, h.grown, nil
		}
		item, err = h.read(s)
		if err == nil || !errors.Is(err, errRecord) {
			return item, nil, err
		}
		h.skip(s)
	}
}

// holding returns the segment that has an item, or nil if it is not there yet.
func (h *DiskQueueHandle) holding(id uint64) *segment {
	for _, s := range h.segments {
		if id < s.end() {
			return s
		}
	}
	return nil
}

// read reads the next item from its segment.
func (h *DiskQueueHandle) read(s *segment) (DiskQueueItem, error) {
	if h.reader == nil || h.reader.segment != s || h.reader.id > h.next {
		h.reader.close()
		var err error
		if h.reader, err = openReader(s, h.next); err != nil {
			h.reader = nil
			return DiskQueueItem{}, err
		}
	}
	for {
		data, err := h.reader.next()
		if err != nil {
			return DiskQueueItem{}, err
		}
		if id := h.reader.id - 1; id == h.next {
			h.next++
			return DiskQueueItem{ID: id, Data: data}, nil
		}
	}
}

// skip leaves out what can't be read any more: records are found from the one
// before, so that is the rest of what the segment has now.
func (h *DiskQueueHandle) skip(s *segment) {
	at := h.reader.offset
	lost := s.end() - h.next
	h.reader.close()
	h.reader, h.next = nil, s.end()
	s.resumeID, s.resumeAt = s.end(), s.size
	h.broken = h.broken || s == h.segments[len(h.segments)-1] // the next start would not find what came later
	h.damaged(DiskQueueDamage{File: s.path, Offset: at, Bytes: s.size - at, Items: int64(lost)})
}

// announce wakes those who wait for an item.
func (h *DiskQueueHandle) announce() {
	close(h.grown)
	h.grown = make(chan struct{})
}
