package keyring

import (
	"encoding/hex"
	"fmt"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"
)

// In macOS's format: hexadecimal if a byte is not a plain character.
const dump = `keychain: "/Users/ada/Library/Keychains/login.keychain-db"
version: 512
class: "genp"
attributes:
    0x00000007 <blob>="app"
    0x00000008 <blob>=<NULL>
    "acct"<blob>="@ada:example.org"
    "cdat"<timedate>=0x32303236303932343033353734305A00  "20260924035740Z\000"
    "svce"<blob>="app"
    "type"<uint32>=<NULL>
keychain: "/Users/ada/Library/Keychains/login.keychain-db"
class: "genp"
attributes:
    "acct"<blob>=0x74C3A973742062C3A1  "t\303\251st b\303\241"
    "svce"<blob>="app"
keychain: "/Users/ada/Library/Keychains/login.keychain-db"
class: "genp"
attributes:
    "svce"<blob>="app"
    "acct"<blob>="a "quoted" one "
keychain: "/Users/ada/Library/Keychains/login.keychain-db"
class: "genp"
attributes:
    "acct"<blob>="of another service"
    "svce"<blob>="app 2"
keychain: "/Users/ada/Library/Keychains/login.keychain-db"
class: "inet"
attributes:
    "acct"<blob>="of the web"
    "svce"<blob>="app"
keychain: "/Users/ada/Library/Keychains/login.keychain-db"
class: "genp"
attributes:
    "acct"<blob>=<NULL>
    "svce"<blob>="app"
keychain: "/Library/Keychains/System.keychain"
class: "genp"
attributes:
    "acct"<blob>=0xE4B8ADE69687 
    "svce"<blob>=0xC3A4
`

func TestKeychainNames(t *testing.T) {
	t.Parallel()
	for service, want := range map[string][]string{
		"app":   {"@ada:example.org", "tést bá", `a "quoted" one `},
		"app 2": {"of another service"},
		"ä":     {"中文"},
		"none":  nil,
		"":      nil,
	} {
		if got := keychainNames(dump, service); !slices.Equal(got, want) {
			t.Errorf("%q: %q, want %q", service, got, want)
		}
	}
}

// Whatever the name of an item, it is returned; whatever else the dump
// contains, nothing panics.
func FuzzKeychainNames(f *testing.F) {
	f.Add(dump, "name")
	f.Add(`"acct"<blob>="`, `"`)
	f.Add("keychain: \nclass: \"genp\"\n\"svce\"<blob>=0xzz\n\"acct\"<blob>=0x", "\\é\n")
	f.Fuzz(func(t *testing.T, before, name string) {
		keychainNames(before, name)
		plain := name != "" && !strings.ContainsFunc(name, func(r rune) bool { return r < ' ' || r > '~' || r == '\\' || r == utf8.RuneError })
		shown := fmt.Sprintf("%q", name)
		if plain {
			shown = `"` + name + `"`
		} else {
			shown = "0x" + strings.ToUpper(hex.EncodeToString([]byte(name))) + "  " + shown
		}
		item := "\nkeychain: \"x\"\nclass: \"genp\"\n    \"acct\"<blob>=" + shown + "\n    \"svce\"<blob>=\"the service\"\n"
		got := keychainNames(before+item, "the service")
		if name != "" && (len(got) == 0 || got[len(got)-1] != name) {
			t.Errorf("%q: got %q of\n%s", name, got, item)
		}
	})
}
