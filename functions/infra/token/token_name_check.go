package token

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"fnregistry.dev/functions/core"
)

// longestName is in bytes. Windows accepts 513 characters of a user name, macOS
// shares 4,096 bytes between service, name and value; no name meant for people
// is longer than this.
const longestName = 255

// TokenNameCheck returns nil if every [TokenStore] can keep a secret under
// name: 1 to 255 bytes of UTF-8 without control characters (NUL, newline, DEL,
// ...). Slashes, quotes, blanks and so on are allowed. The error is a
// *[core.Error] with CodeInvalid; it does not repeat the name, which may be a
// secret given in the wrong place.
//
// More in token_name_check.md:
//   - It is not a check for file names: ../../etc/passwd is a valid name of a
//     secret.
//   - Nothing is normalised: "é" as one character and as "e" with an accent are
//     two names.
func TokenNameCheck(name string) error {
	wrong := ""
	switch {
	case name == "":
		wrong = "the name is empty"
	case len(name) > longestName:
		wrong = fmt.Sprintf("the name has %d bytes, more than %d", len(name), longestName)
	case !utf8.ValidString(name):
		wrong = "the name is not UTF-8"
	case strings.ContainsFunc(name, unicode.IsControl):
		wrong = "the name has a control character, such as a newline or NUL"
	default:
		return nil
	}
	return &core.Error{Code: core.CodeInvalid, Op: "token_name_check", Message: wrong}
}
