package registry

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"slices"

	"fnregistry.dev/fn_registry/search"
)

// cursor is a place in the answer to a query: after the unit with this key.
// Offset is where that unit stood, to find it at once while nothing has
// changed, and score what it had, to find its place when it has gone.
type cursor struct {
	Query  string  `json:"q"` // of what query it is
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

// answer is a part of what a query finds.
type answer struct {
	hits  []hit
	total int           // how many hits there are in all
	found search.Result // of the index; zero where it was not asked
}

// hit is a unit of an answer.
type hit struct {
	key     string
	score   float64 // what the list is sorted by, 0 where it is sorted by ID
	fit     float64 // how well it matches, 0 where the list is not ranked
	matched []string
	why     []string
}

// after finds where the answer goes on after a cursor. If the unit at which the
// last page ended still stands there, that is the place; if it has moved, the
// place is behind it; if it has gone, where it would stand by score and ID.
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
