package registry

import (
	"cmp"
	"slices"
	"strings"
	"unicode/utf8"

	"fnregistry.dev/fn_registry/catalog"
	"fnregistry.dev/fn_registry/search"
)

// The limits of a [Query].
const (
	DefaultLimit = 20
	MaxLimit     = 200
	MaxText      = 4096 // bytes of Text, and of Signature
)

// Query selects units. All conditions that are set must hold. The zero Query
// lists everything.
type Query struct {
	Text      string   // words, "phrases", -words, field words (tag:sql -purity:pure), or a signature: see search.ParseQuery
	Signature string   // a signature: see search.ParseSignature
	Kind      []string // one of these; so for Lang, Domain and Purity
	Lang      []string
	Domain    []string
	Purity    []string
	Tag       []string // all of these; so for the following
	Imports   []string // import paths, or elements of them
	Uses      []string // IDs: units that use these directly
	UsedBy    []string // IDs: units that these use directly
	Tested    *bool
	Sort      Sort
	Limit     int    // items per page; 0: DefaultLimit; at most MaxLimit
	Cursor    string // NextCursor of the previous page; "": the first page
}

// Sort is the order of an answer.
type Sort string

// The orders. In each of them, ties are broken by ID.
const (
	SortDefault   Sort = ""          // by relevance if there are words or a signature, else by ID
	SortRelevance Sort = "relevance" // best first; without words and signature, most used first
	SortID        Sort = "id"
	SortUse       Sort = "use" // most used first
)

// Page is a part of the answer to a [Query].
//
// NextCursor names the unit that a page ends with. If the registry changes
// between two pages, the next page continues after that unit or, if it was
// removed, after its former position. With SortID no remaining unit is repeated
// or skipped; in the other orders this can happen only to units that moved in
// the order.
type Page struct {
	Items      []Item    `json:"items"`
	Total      int       `json:"total"`
	NextCursor *string   `json:"next_cursor"` // nil on the last page
	Partial    bool      `json:"partial"`     // no unit has all the words; these have some
	Words      []WordUse `json:"words"`
	Problems   []Problem `json:"problems"`

	result search.Result
}

// WordUse says how a word of the query was understood.
type WordUse struct {
	Text  string   `json:"text"`
	Units int      `json:"units"` // number of units that have it
	Loose bool     `json:"loose"` // typing errors were tolerated
	Near  []string `json:"near"`  // similar words used instead, likeliest first
}

// Problem is a part of a query's text that was not understood.
type Problem struct {
	Text       string   `json:"text"`
	Message    string   `json:"message"`
	Candidates []string `json:"candidates"`
}

// String is the problem as a sentence: what was not understood, why, and what
// may have been meant.
func (p Problem) String() string { return p.Text + ": " + suggest(p.Message, p.Candidates) }

// Spans finds what of a text (for example an item's description) matches the
// query's words, to be marked.
func (p *Page) Spans(text string) []search.Span { return p.result.Spans(text) }

// Find answers a query. Invalid parts of the Text are reported in the page's
// Problems, as it may still be being typed; elsewhere they are a [*QueryError].
// A Text that is entirely invalid finds nothing.
func (s *State) Find(q Query) (*Page, error) {
	parsed, err := q.parse()
	if err != nil {
		return nil, err
	}
	f, problems, err := s.filters(q, parsed.Filters)
	if err != nil {
		return nil, err
	}
	p := &Page{Items: []Item{}, Words: []WordUse{}, Problems: []Problem{}}
	for _, pr := range parsed.Problems {
		p.Problems = append(p.Problems, Problem{Text: pr.Text, Message: pr.Message, Candidates: list(pr.Candidates)})
	}
	p.Problems = append(p.Problems, problems...)
	if len(parsed.Problems) > 0 && parsed.Empty() {
		return p, nil // none of the text was understood: all units would be a wrong answer
	}
	of, before := s.rank(q, parsed, f)
	offset := 0
	if q.Cursor != "" {
		c, err := parseCursor(q.Cursor, q.fingerprint())
		if err != nil {
			return nil, err
		}
		offset = c.after(of, before)
	}
	a := of(offset, cmp.Or(q.Limit, DefaultLimit))
	p.fill(s, a)
	if n := len(a.hits); n > 0 && offset+n < a.total {
		last := a.hits[n-1]
		next := cursor{Query: q.fingerprint(), Offset: offset + n, Key: last.key, Score: last.score}.String()
		p.NextCursor = &next
	}
	return p, nil
}

func (p *Page) fill(s *State, a answer) {
	p.Total, p.Partial, p.result = a.total, a.found.Partial, a.found
	for _, w := range a.found.Words {
		p.Words = append(p.Words, WordUse{Text: w.Text, Units: w.Units, Loose: w.Loose, Near: list(w.Near)})
	}
	for _, h := range a.hits {
		it := s.item(s.Catalog.Unit(h.key))
		it.Score, it.Matched, it.Why = h.fit, list(h.matched), list(h.why)
		p.Items = append(p.Items, it)
	}
}

// parse validates a query's form.
func (q Query) parse() (search.Query, error) {
	if err := cmp.Or(checkText("q", q.Text), checkText("signature", q.Signature)); err != nil {
		return search.Query{}, err
	}
	if q.Limit < 0 || q.Limit > MaxLimit {
		return search.Query{}, &QueryError{Param: "limit", Message: "not between 1 and 200"}
	}
	if !slices.Contains([]Sort{SortDefault, SortRelevance, SortID, SortUse}, q.Sort) {
		return search.Query{}, &QueryError{Param: "sort", Message: quote(string(q.Sort)) + " is not a sort order",
			Candidates: []string{string(SortRelevance), string(SortID), string(SortUse)}}
	}
	parsed := search.ParseQuery(q.Text)
	if q.Signature != "" {
		if parsed.Signature != nil {
			return search.Query{}, &QueryError{Param: "signature", Message: "q already has a signature"}
		}
		sig, err := search.ParseSignature(q.Signature)
		if err != nil {
			return search.Query{}, &QueryError{Param: "signature", Err: err}
		}
		parsed.Signature = &sig
	}
	return parsed, nil
}

// checkText refuses invalid text.
func checkText(param, text string) *QueryError {
	switch {
	case len(text) > MaxText:
		return &QueryError{Param: param, Message: "longer than 4096 bytes"}
	case !utf8.ValidString(text) || strings.ContainsRune(text, 0):
		return &QueryError{Param: param, Message: "not valid text: it has a NUL or is not UTF-8"}
	}
	return nil
}

// rank sorts the matching units in the requested order. before is that order.
func (s *State) rank(q Query, parsed search.Query, f *filters) (of ranked, before func(a, b hit) bool) {
	asked := len(parsed.Words) > 0 || parsed.Signature != nil
	order := q.Sort
	if order == SortDefault {
		order = SortID
		if asked {
			order = SortRelevance
		}
	}
	if order == SortRelevance && !asked {
		order = SortUse
	}
	byScore := func(a, b hit) bool { return a.score > b.score || a.score == b.score && a.key < b.key }
	if order == SortRelevance {
		return func(offset, limit int) answer { return s.search(parsed, f, offset, limit) }, byScore
	}
	units, score := s.units, func(*catalog.Unit) float64 { return 0 }
	before = func(a, b hit) bool { return a.key < b.key }
	if order == SortUse {
		units, before = s.byUse(), byScore
		score = func(u *catalog.Unit) float64 { return float64(s.users[u]) }
	}
	accept := f.accept
	if f.empty() {
		accept = nil
	}
	var all answer
	known := map[string]hit{}
	if asked {
		all = s.search(parsed, f, 0, s.Index.Len())
		for _, h := range all.hits {
			known[h.key] = h
		}
		accept = func(u *catalog.Unit) bool { _, ok := known[u.ID]; return ok }
	}
	return func(offset, limit int) answer {
		chosen, total := choose(units, accept, offset, limit)
		a := answer{hits: make([]hit, 0, len(chosen)), total: total, found: all.found}
		for _, u := range chosen {
			a.hits = append(a.hits, hit{key: u.ID, score: score(u), matched: known[u.ID].matched, why: known[u.ID].why})
		}
		return a
	}, before
}

// choose returns up to limit accepted units from the given offset, and the
// total number of accepted ones. A nil accept accepts all.
func choose(units []*catalog.Unit, accept func(*catalog.Unit) bool, offset, limit int) ([]*catalog.Unit, int) {
	if accept == nil {
		from := min(offset, len(units))
		return units[from:min(from+limit, len(units))], len(units)
	}
	var chosen []*catalog.Unit
	total := 0
	for _, u := range units {
		if !accept(u) {
			continue
		}
		if total >= offset && len(chosen) < limit {
			chosen = append(chosen, u)
		}
		total++
	}
	return chosen, total
}

// search asks the index.
func (s *State) search(parsed search.Query, f *filters, offset, limit int) answer {
	opts := search.Options{Limit: max(limit, 1), Offset: offset}
	if !f.empty() {
		opts.Accept = func(key string) bool { return f.accept(s.Catalog.Unit(key)) }
	}
	r := s.Index.Search(parsed, opts)
	a := answer{hits: make([]hit, 0, len(r.Hits)), total: r.Total, found: r}
	for _, h := range r.Hits {
		matched := h.Fields.Names()
		if parsed.Signature != nil {
			matched = append(matched, "signature")
		}
		a.hits = append(a.hits, hit{key: h.Key, score: h.Score, fit: h.Score, matched: matched, why: reasons(h.Why)})
	}
	return a
}

// reasons formats each reason as a line.
func reasons(why []search.Why) []string {
	var lines []string
	for _, w := range why {
		lines = append(lines, w.String())
	}
	return lines
}

const (
	mostCandidates = 3
	mostLooked     = 20 // hits of a search considered as candidates
)

// missing returns the error for an unknown unit, with the likely candidates:
// units with its words in their names.
func (s *State) missing(id string) *NotFoundError {
	e := &NotFoundError{ID: id}
	if len(id) > 200 || !utf8.ValidString(id) || catalog.Squash(strings.Trim(id, `"' `)) == "" { // a query without words finds all
		return e
	}
	// An ID's suffix, the language and the domain, is in every ID and carries
	// little information; without it the name remains.
	for _, words := range [][]search.Word{{{Text: id}}, search.ParseQuery(strings.ReplaceAll(id, "_", " ")).Words} {
		for _, h := range s.Index.Search(search.Query{Words: words}, search.Options{Limit: mostLooked}).Hits {
			if slices.Contains(h.Fields.Names(), "name") && len(e.Candidates) < mostCandidates {
				e.Candidates = append(e.Candidates, h.Key)
			}
		}
		if len(e.Candidates) > 0 {
			break
		}
	}
	return e
}

// Resolve returns the ID of a unit that is named by its ID, its name, or its Go
// symbol, with or without the package. If several units are equal ignoring
// underscores and case, the one with exactly this name is returned. The error
// is a [*NotFoundError], with all of them where several remain.
func (s *State) Resolve(text string) (string, error) {
	if s.Catalog.Unit(text) != nil {
		return text, nil
	}
	pkg, symbol, qualified := strings.Cut(text, ".") // http.HTTPServe
	if !qualified {
		symbol = text
	}
	want := catalog.Squash(symbol)
	var alike, exact, there []string
	for _, u := range s.Catalog.Units {
		if u.ID == "" || catalog.Squash(u.Spec.Name) != want || slices.Contains(alike, u.ID) {
			continue
		}
		alike = append(alike, u.ID)
		called := u.Spec.Name == symbol || u.Code != nil && u.Code.Symbol == symbol
		if called {
			exact = append(exact, u.ID)
		}
		if qualified && called && u.Code != nil && u.Dir.Package == pkg {
			there = append(there, u.ID)
		}
	}
	for _, ids := range [][]string{there, exact, alike} {
		switch len(ids) {
		case 0:
			continue
		case 1:
			return ids[0], nil
		}
		return "", &NotFoundError{ID: text, Candidates: ids, Several: true}
	}
	return "", s.missing(text)
}
