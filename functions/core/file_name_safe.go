package core

import (
	"path"
	"strings"
	"unicode"
	"unicode/utf8"
)

// maxFileName is the longest file name in bytes on Linux and macOS (NAME_MAX).
// Windows allows 255 UTF-16 units; no name has more of those than bytes.
const maxFileName = 255

// FileNameSafe makes a file name of any text: one that Linux, macOS and Windows
// take, that stays in its folder, and that a person can read. Other texts may
// give the same name.
//
// It replaces by "_" what separates paths, the characters that Windows refuses
// (<>:"/\|?*), control characters, what changes the direction of text, and
// bytes that are no UTF-8; removes spaces at both ends and dots at the end;
// writes "_" before a leading dot, a leading "-" and the names of Windows'
// devices (CON, NUL, COM1); and shortens to 255 bytes, keeping a suffix of up
// to 16 bytes such as ".jpeg". An empty text gives "_".
//
// More in file_name_safe.md:
//   - Different texts may give the same name, and names that differ in case are
//     one file on macOS and Windows.
//   - It makes one name, not a path: separators become "_".
func FileNameSafe(text string) string {
	name := strings.Map(func(r rune) rune {
		if r == utf8.RuneError || strings.ContainsRune(`<>:"/\|?*`, r) || !unicode.IsPrint(r) && !unicode.IsMark(r) && r != zeroWidthJoiner {
			return '_'
		}
		return r
	}, strings.ToValidUTF8(text, "_"))
	name = strings.TrimRight(strings.TrimSpace(name), ". ")
	if name == "" {
		return "_"
	}
	if name[0] == '.' || name[0] == '-' || isDevice(name) {
		name = "_" + name
	}
	return shorten(name)
}

// zeroWidthJoiner joins the parts of an emoji.
const zeroWidthJoiner = '\u200d'

// isDevice reports whether Windows treats a name as a device, whatever its
// extension (https://learn.microsoft.com/windows/win32/fileio/naming-a-file).
func isDevice(name string) bool {
	stem, _, _ := strings.Cut(strings.ToUpper(name), ".")
	stem = strings.TrimRight(stem, " ")
	switch stem {
	case "CON", "PRN", "AUX", "NUL", "CONIN$", "CONOUT$":
		return true
	}
	runes := []rune(stem)
	if len(runes) != 4 || string(runes[:3]) != "COM" && string(runes[:3]) != "LPT" {
		return false
	}
	return strings.ContainsRune("0123456789¹²³", runes[3])
}

// shorten removes the middle of the name's stem.
func shorten(name string) string {
	if len(name) <= maxFileName {
		return name
	}
	suffix := path.Ext(name)
	if len(suffix) > 16 || strings.ContainsRune(suffix, ' ') {
		suffix = ""
	}
	cut := maxFileName - len(suffix)
	for !utf8.RuneStart(name[cut]) {
		cut--
	}
	return strings.TrimRight(name[:cut], ". ") + suffix
}
