package registry

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"slices"

	"fnregistry.dev/fn_registry/search"
)

// cursor is a position in the answer to a query: after the unit with this key.
// Offset is that unit's former index, to find it quickly if nothing has
// changed, and score its score, to find its position if it was removed.
type cursor struct {
	Query  string  `json:"q"` // fingerprint of the query
	Offset int     `json:"o"`
	Key    string  `json:"k"`
	Score  float64 `json:"s"`
}

func (c cursor) String() string {
	text, err := json.Marshal(c)
	if err != nil {
		panic(err) // strings and finite numbers
	}
	return base64.RawURLEncoding.EncodeToString(text)
}

var errCursor = &QueryError{Param: "cursor", Message: "it does not come from an earlier answer; omit it to start over"}

func parseCursor(text, query string) (cursor, error) {
	var c cursor
	data, err := base64.RawURLEncoding.DecodeString(text)
	if err != nil || json.Unmarshal(data, &c) != nil || c.Offset < 1 || c.Offset > 1<<30 {
		return cursor{}, errCursor
	}
	if c.Query != query {
		return cursor{}, &QueryError{
			Param:   "cursor",
			Message: "it belongs to another query; omit it to start over",
		}
	}
	return c, nil
}

// fingerprint identifies a query, ignoring limit and cursor.
func (q Query) fingerprint() string {
	q.Limit, q.Cursor = 0, ""
	text, err := json.Marshal(q)
	if err != nil {
		panic(err) // texts, lists of texts and a bool
	}
	sum := sha256.Sum256(text)
	return base64.RawURLEncoding.EncodeToString(sum[:6])
}

// ranked answers a query in its order: with hits from an offset on.
type ranked func(offset, limit int) answer

// answer is a part of a query's results.
type answer struct {
	hits  []hit
	total int           // total number of hits
	found search.Result // from the index; zero if it was not queried
}

// hit is a unit in an answer.
type hit struct {
	key     string
	score   float64 // sort key, 0 if sorted by ID
	fit     float64 // how well it matches, 0 if the list is not ranked
	matched []string
	why     []string
}

// after finds where the answer continues after a cursor. If the unit at which
// the last page ended is still at its index, the position is right after it; if
// it has moved, after its new index; if it was removed, where it would be by
// score and ID.
func (c cursor) after(of ranked, before func(a, b hit) bool) int {
	at := of(c.Offset-1, 1)
	if len(at.hits) == 1 && at.hits[0].key == c.Key {
		return c.Offset
	}
	all := of(0, at.total).hits
	if i := slices.IndexFunc(all, func(h hit) bool { return h.key == c.Key }); i >= 0 {
		return i + 1
	}
	last := hit{key: c.Key, score: c.Score}
	if i := slices.IndexFunc(all, func(h hit) bool { return before(last, h) }); i >= 0 {
		return i
	}
	return len(all)
}
