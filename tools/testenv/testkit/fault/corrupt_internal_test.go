package fault

import (
	"encoding/json"
	"math/rand/v2"
	"testing"
)

// FuzzSpoil tests both ways on any JSON: spoiled JSON can't be parsed.
func FuzzSpoil(f *testing.F) {
	for _, seed := range []string{
		`{}`, `[]`, `{"a":""}`, `["",""]`, `["a","","b"]`, `[[],[]]`, `[1,-2]`, `[1e5,3]`, ` {"a" : [ "\\", "\"", "{,}" ] } `, `"s"`, `1`, ``,
	} {
		f.Add([]byte(seed), uint64(1))
	}
	f.Fuzz(func(t *testing.T, text []byte, seed uint64) {
		before := string(text)
		for _, how := range []Corruption{Truncate, Flip} {
			got, ok := how.spoil(text, rand.New(rand.NewPCG(seed, 0)))
			if ok && json.Valid(got) {
				t.Errorf("%v: %q became %q, which is valid", how, text, got)
			}
			if ok && !json.Valid(text) {
				t.Errorf("%v: %q was no JSON", how, text)
			}
			if string(text) != before {
				t.Errorf("%v changed its input", how)
			}
		}
	})
}

// Flipping any structural character must break the text, not only those that a
// seed happens to pick.
func TestFlip_EachPlaceBreaks(t *testing.T) {
	t.Parallel()
	for _, text := range []string{`{}`, `[]`, `["",""]`, `[[1],[-2,3]]`, `{"a":"b","c":{"d":["\\\"",null,true]},"":""}`} {
		for _, i := range structure([]byte(text)) {
			b := []byte(text)
			b[i] ^= 1
			if json.Valid(b) {
				t.Errorf("%s with byte %d flipped is valid: %s", text, i, b)
			}
		}
	}
}
