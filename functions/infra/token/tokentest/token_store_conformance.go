package tokentest

import (
	"context"
	"testing"

	"fnregistry.dev/functions/infra/token"
)

// TokenStoreConformance holds a store against every promise of
// [token.TokenStore], as subtests of t that run in parallel. setup makes an
// empty place for secrets and returns open, which opens the store that is
// there; open is called several times, also from several goroutines, and each
// of its stores must see what the others wrote. What setup makes it takes away
// with t.Cleanup.
//
// The suite writes values of up to 10 MB and some hundred small ones. It does
// not start processes, and it does not break anything: that a store survives a
// crash or a full disk is for the store's own tests.
//
// More in token_store_conformance.md:
//   - It imports testing: call it only from test files, or the program links
//     it.
//   - The subtests run in parallel: setup must give each a location of its own.
func TokenStoreConformance(t *testing.T, setup func(t *testing.T) (open func() token.TokenStore)) {
	t.Helper()
	for _, promise := range []struct {
		name  string
		check func(t *testing.T, open func() token.TokenStore)
	}{
		{"values come back as they were", checkValues},
		{"names are kept apart", checkNames},
		{"the last value counts", checkOverwrite},
		{"what is not there is told", checkMissing},
		{"a deleted name is gone", checkDelete},
		{"names are listed in order", checkList},
		{"bad names are refused", checkBadNames},
		{"empty values are refused", checkEmptyValue},
		{"a done context changes nothing", checkDoneContext},
		{"large values are kept or refused", checkLargeValue},
		{"writers of many names lose nothing", checkManyWriters},
		{"writers of one name never mix", checkOneName},
		{"no value is printed", checkPrinting},
	} {
		t.Run(promise.name, func(t *testing.T) {
			t.Parallel()
			promise.check(t, setup(t))
		})
	}
}

// mustSet, mustGet and mustList end the test on an error.
func mustSet(t *testing.T, store token.TokenStore, name, value string) {
	t.Helper()
	if err := store.Set(t.Context(), name, value); err != nil {
		t.Fatalf("Set %q, %d bytes: %v", name, len(value), err)
	}
}

func mustGet(t *testing.T, store token.TokenStore, name string) string {
	t.Helper()
	value, err := store.Get(t.Context(), name)
	if err != nil {
		t.Fatalf("Get %q: %v", name, err)
	}
	return value
}

func mustList(t *testing.T, store token.TokenStore) []string {
	t.Helper()
	names, err := store.List(t.Context())
	if err != nil {
		t.Fatalf("List: %v", err)
	}
	return names
}

// doneContexts are contexts that are done, by the expected error code.
func doneContexts(t *testing.T) (canceled, late context.Context) {
	canceled, cancel := context.WithCancel(t.Context())
	cancel()
	late, cancel = context.WithTimeout(t.Context(), -1)
	t.Cleanup(cancel)
	return canceled, late
}
