package registry

import (
	"crypto/sha256"
	"strings"
	"sync"

	"fnregistry.dev/fn_registry/catalog"
	"fnregistry.dev/fn_registry/search"
	"fnregistry.dev/fn_registry/spec"
)

// fingerprint identifies the version of a unit in the index: the hash of its
// entry's input.
type fingerprint [16]byte

// hashOf returns what the index should hold for a unit: the hash of the spec's
// text, and of the signature if only the code has it.
func hashOf(u *catalog.Unit) fingerprint {
	if u.Spec.Signature != "" || u.Code == nil {
		return u.Hash
	}
	return withSignature(u.Hash, u.Code.Signature)
}

func withSignature(hash [16]byte, signature string) fingerprint {
	full := sha256.Sum256(append(hash[:], signature...))
	return fingerprint(full[:16])
}

// entry is a unit prepared for the index.
type entry struct {
	doc  search.Doc
	hash fingerprint
}

// newEntry makes a unit's entry from a spec and the sections of its body; hash
// is that of the file that they are from. The text of examples is omitted: code
// names what it calls, and every unit would be found under its neighbours'
// names.
func newEntry(id string, s *spec.Spec, sections []spec.Section, hash fingerprint) entry {
	var params, body strings.Builder
	size := len(s.Output)
	for _, p := range s.Params {
		size += len(p.Name) + len(p.Desc) + 2
	}
	params.Grow(size)
	for _, p := range s.Params {
		params.WriteString(p.Name + " " + p.Desc + "\n")
	}
	params.WriteString(s.Output)
	for _, section := range sections {
		if section.Kind == spec.SectionGotchas || section.Kind == spec.SectionWhenToUse {
			body.WriteString(section.Text)
		}
	}
	return entry{hash: hash, doc: search.Doc{
		Key: id, Name: s.Name, Tags: s.Tags, Description: s.Description,
		Params: params.String(), Body: body.String(), Signature: s.Signature,
	}}
}

// gatherer makes entries of the units that a Refresh reads. With an empty index
// it streams them into a new one, so that no text is held longer than needed;
// otherwise it collects them, since there are few.
type gatherer struct {
	mu   sync.Mutex
	kept map[*catalog.Unit]entry

	stream  chan entry // nil: entries are kept
	built   chan struct{}
	index   *search.Index
	indexed map[string]fingerprint
}

func newGatherer(fresh bool) *gatherer {
	g := &gatherer{kept: map[*catalog.Unit]entry{}}
	if !fresh {
		return g
	}
	g.stream, g.built, g.indexed = make(chan entry, 64), make(chan struct{}), map[string]fingerprint{}
	go func() {
		defer close(g.built)
		g.index = search.Build(func(yield func(search.Doc) bool) {
			for e := range g.stream {
				g.indexed[e.doc.Key] = e.hash // of two with the same key both Build and this keep the later
				if !yield(e.doc) {
					return
				}
			}
		})
	}()
	return g
}

// seen is called by the catalog, concurrently from several goroutines.
func (g *gatherer) seen(u *catalog.Unit, doc *spec.Document) {
	if u.ID == "" {
		return
	}
	e := newEntry(u.ID, &u.Spec, doc.Body.Sections, u.Hash)
	if g.stream != nil {
		g.stream <- e
		return
	}
	g.mu.Lock()
	g.kept[u] = e
	g.mu.Unlock()
}

// finish waits until everything seen is in the new index, if there is one.
func (g *gatherer) finish() {
	if g.stream != nil {
		close(g.stream)
		<-g.built
	}
}

// reconcile brings an index that holds what indexed lists in line with a
// catalog, whatever made them differ: a change, a cache file that is older or
// newer than the other, an ID that appears twice. Units whose entry is not
// among known are read from their files. If everything matches, it returns both
// unchanged, otherwise a new map.
func reconcile(
	c *catalog.Catalog,
	x *search.Index,
	indexed map[string]fingerprint,
	known map[*catalog.Unit]entry,
) (_ *search.Index, _ map[string]fingerprint, changed bool) {
	var fresh []*catalog.Unit
	kept := 0
	for i, u := range c.Units {
		if !firstOfID(c.Units, i) {
			continue
		}
		if has, ok := indexed[u.ID]; ok && has == hashOf(u) {
			kept++
		} else {
			fresh = append(fresh, u)
		}
	}
	if len(fresh) == 0 && kept == len(indexed) {
		return x, indexed, false
	}
	now := make(map[string]fingerprint, kept+len(fresh))
	var added []search.Doc
	for _, u := range fresh {
		e, ok := known[u]
		if !ok {
			e = readEntry(c, u)
		}
		if e.doc.Signature == "" && u.Code != nil {
			e.doc.Signature = u.Code.Signature
			e.hash = withSignature(e.hash, u.Code.Signature)
		}
		now[u.ID] = e.hash
		added = append(added, e.doc)
	}
	var removed []string
	for id, hash := range indexed {
		switch _, isFresh := now[id]; {
		case isFresh:
		case c.Unit(id) != nil:
			now[id] = hash
		default:
			removed = append(removed, id)
		}
	}
	return x.Update(removed, added), now, true
}

// readEntry makes a unit's entry from its current file. If that changed since
// the catalog read it, the entry has the new text and the new hash, so that the
// two agree once the catalog reads it, too. A file that can't be read as the
// unit leaves the known entry.
func readEntry(c *catalog.Catalog, u *catalog.Unit) entry {
	doc, src, err := c.Document(u)
	switch {
	case err != nil: // without a body: rebuilt once there is one
		return newEntry(u.ID, &u.Spec, nil, fingerprint{})
	case doc.Spec.Name == "" || doc.Spec.ID() != u.ID: // damaged, or about to become another unit
		return newEntry(u.ID, &u.Spec, doc.Body.Sections, u.Hash)
	}
	sum := sha256.Sum256(src)
	return newEntry(u.ID, &doc.Spec, doc.Body.Sections, fingerprint(sum[:16]))
}
