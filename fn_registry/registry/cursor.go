package registry

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
)

// cursor is a place in the answer to a query: after the unit with this key. Offset is where that unit stood, to find
// it at once while nothing has changed, and score what it had, to find its place when it has gone.
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

var errCursor = &QueryError{Param: "cursor", Message: "it is not one that an answer gave; leave it out to begin anew"}

func parseCursor(text, query string) (cursor, error) {
	var c cursor
	data, err := base64.RawURLEncoding.DecodeString(text)
	if err != nil || json.Unmarshal(data, &c) != nil || c.Offset < 1 || c.Offset > 1<<30 {
		return cursor{}, errCursor
	}
	if c.Query != query {
		return cursor{}, &QueryError{Param: "cursor", Message: "it belongs to another query; leave it out to begin anew"}
	}
	return c, nil
}

// fingerprint tells queries apart, limit and cursor aside.
func (q Query) fingerprint() string {
	q.Limit, q.Cursor = 0, ""
	text, err := json.Marshal(q)
	if err != nil {
		panic(err) // texts, lists of texts and a bool
	}
	sum := sha256.Sum256(text)
	return base64.RawURLEncoding.EncodeToString(sum[:6])
}

// ranked is the answer to a query in its order: hits from an offset on, and how many there are in all.
type ranked func(offset, limit int) (hits []hit, total int)

// hit is a unit of an answer.
type hit struct {
	key     string
	score   float64 // what the list is sorted by, 0 where it is sorted by ID
	fit     float64 // how well it matches, 0 where the list is not ranked
	matched []string
	why     []string
}

// after finds where the answer goes on after a cursor. If the unit at which the last page ended still stands there,
// that is the place; if it has moved, the place is behind it; if it has gone, where it would stand by score and ID.
func (c cursor) after(of ranked, before func(a, b hit) bool) int {
	if at, _ := of(c.Offset-1, 1); len(at) == 1 && at[0].key == c.Key {
		return c.Offset
	}
	last := hit{key: c.Key, score: c.Score}
	const step = 1024
	place := -1
	for offset := 0; ; offset += step {
		hits, total := of(offset, step)
		for i, h := range hits {
			if h.key == c.Key {
				return offset + i + 1
			}
			if place < 0 && before(last, h) {
				place = offset + i
			}
		}
		if offset+step >= total || len(hits) == 0 {
			if place < 0 {
				return total
			}
			return place
		}
	}
}
