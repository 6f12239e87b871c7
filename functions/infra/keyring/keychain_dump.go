package keyring

import (
	"encoding/hex"
	"strings"
)

// keychainNames reads what macOS' `security dump-keychain` prints, and returns
// the accounts of the generic passwords of a service. An item begins with a
// line "keychain:", has a line `class: "genp"`, and attributes such as
//
//	"acct"<blob>="ada"
//	"svce"<blob>=0xC3A4  "\303\244"
//
// the latter with the bytes in hexadecimal if one of them is not a plain
// character. Other lines are ignored.
func keychainNames(dump, service string) []string {
	var names []string
	var class, account, found string
	end := func() {
		if class == `"genp"` && found == service && account != "" {
			names = append(names, account)
		}
		class, account, found = "", "", ""
	}
	for line := range strings.Lines(dump) {
		line = strings.TrimSpace(line)
		if strings.HasPrefix(line, "keychain: ") {
			end()
		} else if value, ok := strings.CutPrefix(line, "class: "); ok {
			class = value
		} else if value, ok := strings.CutPrefix(line, `"acct"<blob>=`); ok {
			account = keychainBlob(value)
		} else if value, ok := strings.CutPrefix(line, `"svce"<blob>=`); ok {
			found = keychainBlob(value)
		}
	}
	end()
	return names
}

// keychainBlob returns the bytes of an attribute; empty for <NULL> and for
// formats that it does not know.
func keychainBlob(text string) string {
	if digits, ok := strings.CutPrefix(text, "0x"); ok {
		digits, _, _ = strings.Cut(digits, " ")
		if blob, err := hex.DecodeString(digits); err == nil {
			return string(blob)
		}
		return ""
	}
	if len(text) >= 2 && text[0] == '"' && text[len(text)-1] == '"' {
		return text[1 : len(text)-1] // quotes in it stand as they are
	}
	return ""
}
