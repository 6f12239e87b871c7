package tokentest

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"fnregistry.dev/functions/core"
	"fnregistry.dev/functions/infra/token"
)

// hostileNames are all different and all allowed.
var hostileNames = []string{
	"a", "a/", "/a", "../../etc/passwd", ".", "..", "C:\\x", "a:b", "a b", " a", "a ", "it's", `"quoted"`, `back\slash`, "-rf", "--", "$(id)", "`id`",
	"%s%n", "*", "?", "[a]", "a=b&c=d", "'; DROP TABLE tokens; --", "<b>", "{}", "null", "é", "e\u0301", "名前", "🔑", "\u202etxt", "@ada:example.org",
	strings.Repeat("n", 255), strings.Repeat("n", 254),
}

func checkNames(t *testing.T, open func() token.TokenStore) {
	store := open()
	for _, name := range hostileNames {
		mustSet(t, store, name, "of "+name)
	}
	for _, name := range hostileNames {
		if got := mustGet(t, store, name); got != "of "+name {
			t.Errorf("%q has the value %q", name, got)
		}
	}
	if names := mustList(t, open()); !slices.Equal(names, slices.Sorted(slices.Values(hostileNames))) {
		t.Errorf("List: %q", names)
	}
}

func checkBadNames(t *testing.T, open func() token.TokenStore) {
	store := open()
	mustSet(t, store, "name", "value")
	for _, name := range []string{"", "nul\x00", "name\n", "name\x00x", "\xff", "esc\x1b", strings.Repeat("n", 256)} {
		_, err := store.Get(t.Context(), name)
		wantCode(t, fmt.Sprintf("Get %q", name), err, core.CodeInvalid)
		wantCode(t, fmt.Sprintf("Set %q", name), store.Set(t.Context(), name, secret), core.CodeInvalid)
		wantCode(t, fmt.Sprintf("Delete %q", name), store.Delete(t.Context(), name), core.CodeInvalid)
	}
	wantCode(t, "Set with name and value interchanged", store.Set(t.Context(), secret+"\n", "name"), core.CodeInvalid)
	if names := mustList(t, store); !slices.Equal(names, []string{"name"}) {
		t.Errorf("List: %q, want only the valid name", names)
	}
}

func checkMissing(t *testing.T, open func() token.TokenStore) {
	store := open()
	for _, name := range []string{"before", "after"} {
		_, err := store.Get(t.Context(), "missing")
		wantCode(t, "Get "+name, err, core.CodeNotFound)
		wantCode(t, "Delete "+name, store.Delete(t.Context(), "missing"), core.CodeNotFound)
		if names := mustList(t, store); slices.Contains(names, "missing") {
			t.Errorf("List: %q", names)
		}
		mustSet(t, store, "other", "value")
	}
}

func checkDelete(t *testing.T, open func() token.TokenStore) {
	store, other := open(), open()
	for _, name := range []string{"a", "b", "c"} {
		mustSet(t, store, name, secret)
	}
	if err := store.Delete(t.Context(), "b"); err != nil {
		t.Fatal(err)
	}
	_, err := other.Get(t.Context(), "b")
	wantCode(t, "Get after Delete", err, core.CodeNotFound)
	wantCode(t, "second Delete", other.Delete(t.Context(), "b"), core.CodeNotFound)
	if names := mustList(t, other); !slices.Equal(names, []string{"a", "c"}) {
		t.Errorf("List: %q, want a and c", names)
	}
	mustSet(t, other, "b", "again")
	if got := mustGet(t, store, "b"); got != "again" {
		t.Errorf("after a new Set: %q", got)
	}
}

func checkList(t *testing.T, open func() token.TokenStore) {
	store := open()
	if names := mustList(t, store); len(names) != 0 {
		t.Fatalf("an empty store lists %q", names)
	}
	want := []string{"A", "a", "aa", "b", "z", "ä"}
	for _, i := range []int{3, 0, 5, 4, 1, 2} {
		mustSet(t, store, want[i], "value")
	}
	if names := mustList(t, open()); !slices.Equal(names, want) {
		t.Errorf("List: %q, want %q", names, want)
	}
}
