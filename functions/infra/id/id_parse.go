package id

import (
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"time"

	"fnregistry.dev/functions/core"
)

// IDParseResult is what an ID says.
type IDParseResult struct {
	ID    string    // in its canonical form: lower case
	Bytes [16]byte  // as a column of type UUID stores it
	Time  time.Time // when it was made, to the millisecond, in UTC; what its maker's clock said
}

// IDParse reads a UUID of version 7 in the form of 36 characters, in either
// case. No other form is taken (braces, urn:uuid:, without dashes), so that one
// ID has one text, and no other version, which would not sort by time.
//
// The error is a *core.Error with CodeInvalid and does not hold the text.
//
// More in id_parse.md:
//   - Store and compare ID, not the text that came in: the same UUID has an
//     upper-case spelling.
//   - Time is what the maker said: anyone can make an ID of any time, so it is
//     no proof.
func IDParse(text string) (IDParseResult, error) {
	raw, ok := decode(text)
	switch {
	case !ok:
		return IDParseResult{}, parseError("the text is no UUID", "write it as 36 characters: 8-4-4-4-12 hexadecimal digits")
	case raw[8]>>6 != 0b10:
		return IDParseResult{}, parseError("the UUID is of a variant that RFC 9562 does not describe", "")
	case raw[6]>>4 != 7:
		return IDParseResult{}, parseError(fmt.Sprintf("the UUID is of version %d", raw[6]>>4), "make it as version 7")
	}
	ms := int64(binary.BigEndian.Uint64(raw[:8]) >> 16)
	return IDParseResult{
		ID:    format(ms<<12|int64(binary.BigEndian.Uint16(raw[6:])&0xfff), binary.BigEndian.Uint64(raw[8:])),
		Bytes: raw,
		Time:  time.UnixMilli(ms).UTC(),
	}, nil
}

func decode(text string) (raw [16]byte, ok bool) {
	if len(text) != 36 {
		return raw, false
	}
	for _, dash := range dashes {
		if text[dash] != '-' {
			return raw, false
		}
	}
	digits := text[:8] + text[9:13] + text[14:18] + text[19:23] + text[24:]
	_, err := hex.Decode(raw[:], []byte(digits))
	return raw, err == nil
}

func parseError(message, hint string) error {
	return &core.Error{Code: core.CodeInvalid, Op: "id_parse", Message: message, Hint: hint}
}
