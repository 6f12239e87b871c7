package search

// merger merges several segments into one.
type merger struct {
	parts []part
	docs  [][]int32 // for each part and unit, its new number or -1
	words [][]int32 // for each part and word, its new number or -1
	out   *segment
}

// merge merges several parts into one, without their removed units.
func merge(parts []part) part {
	m := &merger{parts: parts, out: &segment{}}
	m.reserve()
	boosts := m.mergeDocs()
	m.mergeWords()
	m.mergeForward()
	m.mergeSignatures()
	s := m.out
	s.derive()
	s.byKey = sortedKeys(s)
	s.inflected = sortedInflected(s, m.inflected)
	return part{seg: s, boosts: boosts}
}

// reserve allocates the large buffers, so that they are not copied as they
// grow. A result is hardly larger than its parts.
func (m *merger) reserve() {
	posts, forward, keys, docs, words := 0, 0, 0, 0, 0
	for _, p := range m.parts {
		posts, forward, keys = posts+len(p.seg.posts.blob), forward+len(p.seg.forward.blob), keys+len(p.seg.keys.blob)
		docs, words = docs+p.seg.len(), max(words, p.seg.words.len())
	}
	room := func(blob, count int) items {
		return items{blob: make([]byte, 0, blob+blob/16), ends: make(u32s, 0, 4*count)}
	}
	m.out.posts, m.out.forward, m.out.keys = room(posts, words), room(forward, docs), room(keys, docs)
}

func (m *merger) mergeDocs() (boosts f32s) {
	next := int32(0)
	for i := range m.parts {
		p := &m.parts[i]
		numbers := make([]int32, p.seg.len())
		for doc := range numbers {
			numbers[doc] = -1
			if !p.dead.has(doc) {
				numbers[doc] = next
				next++
				m.out.keys.add(p.seg.keys.at(doc))
				boosts = boosts.add(p.boosts.at(doc))
			}
		}
		m.docs = append(m.docs, numbers)
	}
	return boosts
}

// mergeWords walks all dictionaries at once, in word order.
func (m *merger) mergeWords() {
	queue := newWordQueue(m.parts)
	for _, p := range m.parts {
		m.words = append(m.words, make([]int32, p.seg.words.len()))
	}
	var same []cursor
	for len(queue) > 0 {
		same = append(same[:0], queue.next(m.parts))
		for len(queue) > 0 && string(queue[0].word) == string(same[0].word) {
			same = append(same, queue.next(m.parts))
		}
		number := int32(m.out.words.len())
		if m.mergePostings(same) {
			m.out.words.add(same[0].word)
			m.out.posts.close()
		} else {
			number = -1
		}
		for _, c := range same {
			m.words[c.part][c.index] = number
		}
	}
}

// mergePostings appends the postings of one word, with the units' new numbers;
// false if there are none.
func (m *merger) mergePostings(same []cursor) bool {
	last := -1
	for _, c := range same {
		list := m.parts[c.part].seg.posts.at(c.index)
		numbers := m.docs[c.part]
		doc := -1
		for i := 0; i < len(list); {
			gap, at := posting(list, i)
			i = at + 2
			doc += gap
			if n := int(numbers[doc]); n >= 0 {
				m.out.posts.blob = appendPosting(m.out.posts.blob, n-last, list[at], Field(list[at+1]))
				last = n
			}
		}
	}
	return last >= 0
}

// inflected lists the words of the result that some part lists as inflected.
func (m *merger) inflected(yield func(word int)) {
	seen := newBitmap(m.out.words.len())
	for i, p := range m.parts {
		for j := range p.seg.inflected.len() {
			w := int(m.words[i][p.seg.inflected.at(j)])
			if w >= 0 && !seen.has(w) {
				seen.set(w)
				yield(w)
			}
		}
	}
}

func (m *merger) mergeForward() {
	for i, p := range m.parts {
		for doc, number := range m.docs[i] {
			if number < 0 {
				continue
			}
			eachForward(p.seg.forward.at(doc), func(word int) bool {
				if word >= 0 {
					word = int(m.words[i][word])
				}
				m.out.forward.blob = appendUvarint(m.out.forward.blob, uint64(word+1))
				return true
			})
			m.out.forward.close()
		}
	}
}

func (m *merger) mergeSignatures() {
	table := newTypeTable()
	var sh shape
	for i, p := range m.parts {
		numbers := map[int]int{}
		for doc, number := range m.docs[i] {
			if number < 0 {
				continue
			}
			if sh.read(p.seg.sigs.at(doc)) {
				m.out.sigs.blob = append(m.out.sigs.blob, p.seg.sigs.at(doc)[:3]...)
				for _, t := range sh.types[:sh.params+sh.results] {
					n, ok := numbers[t]
					if !ok {
						n = table.add(p.seg.types.at(t), uint32(p.seg.heads.at(t)))
						numbers[t] = n
					}
					m.out.sigs.blob = appendUvarint(m.out.sigs.blob, uint64(n))
				}
			}
			m.out.sigs.close()
		}
	}
	m.out.types, m.out.heads = table.list, table.heads
}
