package search

import (
	"unicode"
	"unicode/utf8"
)

// Base letters of U+00C0 to U+00FF and of U+0100 to U+017F. A dot stands for a
// letter without one (see foldOdd).
const (
	latin1   = "aaaaaa.ceeeeiiii.nooooo..uuuuy..aaaaaa.ceeeeiiii.nooooo..uuuuy.y"
	latinExt = "aaaaaaccccccccdd..eeeeeeeeeegggggggghh..iiiiiiiii...jjkk.llllll....nnnnnn...oooooo..rrrrrrssssss" +
		"sstttt..uuuuuuuuuuuuwwyyyzzzzzzs"
)

// appendFolded appends r in lower case and without its Latin accent, so that
// "Conexión" and "conexion" are one word.
func appendFolded(b []byte, r rune) []byte {
	switch {
	case r < utf8.RuneSelf:
		if 'A' <= r && r <= 'Z' {
			r += 'a' - 'A'
		}
		return append(b, byte(r))
	case 0x300 <= r && r <= 0x36F: // combining accents
		return b
	case 0xC0 <= r && r <= 0xFF:
		if c := latin1[r-0xC0]; c != '.' {
			return append(b, c)
		}
	case 0x100 <= r && r <= 0x17F:
		if c := latinExt[r-0x100]; c != '.' {
			return append(b, c)
		}
	}
	return foldOdd(b, r)
}

func foldOdd(b []byte, r rune) []byte {
	switch r = unicode.ToLower(r); r {
	case 'ß':
		return append(b, "ss"...)
	case 'æ':
		return append(b, "ae"...)
	case 'œ':
		return append(b, "oe"...)
	case 'ø':
		return append(b, 'o')
	case 'đ', 'ð':
		return append(b, 'd')
	case 'ł':
		return append(b, 'l')
	case 'ı':
		return append(b, 'i')
	}
	return utf8.AppendRune(b, r)
}
