package fault

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
)

// CorruptJSON spoils an answer that is a JSON object or array so that no parser
// takes it, while the HTTP around it stays whole. Other answers, and compressed
// ones, pass unharmed and are not counted; the server is asked not to compress.
// The whole response is read before it is passed on.
type CorruptJSON struct {
	// How is Truncate or Flip. Default: Truncate.
	How Corruption
}

// Corruption is a way to spoil JSON.
type Corruption int

// The ways.
const (
	Truncate Corruption = iota // the text ends at a random place
	// Flip inverts the lowest bit of one random structural character:
	// {}[]:,".
	Flip
)

// String returns the way's name.
func (c Corruption) String() string {
	if c == Flip {
		return "flip"
	}
	return "truncate"
}

// String describes the fault.
func (f CorruptJSON) String() string { return "corrupt JSON, " + f.How.String() }

func (f CorruptJSON) shares() bool { return false }

func (f CorruptJSON) check() error {
	if f.How != Truncate && f.How != Flip {
		return fmt.Errorf("corruption %d: want Truncate or Flip", int(f.How))
	}
	return nil
}

func (f CorruptJSON) before(_ *hit, r *http.Request) (*http.Response, error) {
	r.Header.Del("Accept-Encoding")
	return nil, nil
}

func (f CorruptJSON) after(h *hit, resp *http.Response) error {
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		return err
	}
	if err := resp.Body.Close(); err != nil {
		return err
	}
	if spoiled, ok := f.How.spoil(body, h.random()); ok {
		h.act()
		setBody(resp, spoiled)
	} else {
		// Its headers stay: a 304 must not get a length.
		resp.Body = io.NopCloser(bytes.NewReader(body))
	}
	return nil
}

// spoil returns a broken copy of an object or array, and false for anything
// else.
func (c Corruption) spoil(body []byte, random *rand.Rand) ([]byte, bool) {
	text := bytes.TrimSpace(body)
	if len(text) == 0 || (text[0] != '{' && text[0] != '[') || !json.Valid(text) {
		return nil, false
	}
	if c == Truncate {
		// Not to nothing: an empty body is not broken JSON.
		return text[:1+random.IntN(len(text)-1)], true
	}
	places := structure(text)
	text = bytes.Clone(text)
	text[places[random.IntN(len(places))]] ^= 1
	return text, true
}

// structure returns the positions of the characters {}[]:, and of the quotes of
// strings in valid JSON. Flipping the lowest bit of any of them yields a
// character that is not valid in its place.
func structure(text []byte) []int {
	var places []int
	inString := false
	for i := 0; i < len(text); i++ {
		switch c := text[i]; {
		case inString && c == '\\':
			i++
		case c == '"':
			inString = !inString
			places = append(places, i)
		case !inString && bytes.IndexByte([]byte("{}[]:,"), c) >= 0:
			places = append(places, i)
		}
	}
	return places
}
