package ident_test

import (
	"strings"
	"testing"

	"maunium.net/go/mautrix/id"

	"fnregistry.dev/functions/infra/matrix/internal/ident"
)

func TestServerHost(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]string{
		"example.org": "example.org", "example.org:8448": "example.org", "127.0.0.1:8008": "127.0.0.1", "[::1]:8448": "[::1]",
		"": "", "a b": "", "user@example.org": "", "example.org/path": "", ":8448": "",
	} {
		if host, ok := ident.ServerHost(name); host != want || ok != (want != "") {
			t.Errorf("%q: %q %t, want %q", name, host, ok, want)
		}
	}
}

func TestUsers(t *testing.T) {
	t.Parallel()
	for user, want := range map[id.UserID][2]bool{ // CheckUser, IsUser
		"@a:example.org":      {true, true},
		"@a:b:8448":           {true, true},
		"@:example.org":       {false, true},
		"@a":                  {false, false},
		"a:example.org":       {false, false},
		"@a:":                 {false, false},
		"@a b:example.org":    {true, false},
		"@a:user@example.org": {false, true},
		id.UserID("@" + strings.Repeat("a", 255) + ":x"): {false, false},
	} {
		if got := [2]bool{ident.CheckUser(user) == nil, ident.IsUser(user)}; got != want {
			t.Errorf("%q: %v, want %v", user, got, want)
		}
	}
}

func TestClip(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{"abc": "abc", "abcd": "abc…", "abü": "ab…"} {
		if got := ident.Clip(text, 3); got != want {
			t.Errorf("%q: %q, want %q", text, got, want)
		}
	}
}
