package tokentest

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	"fnregistry.dev/functions/infra/token"
)

const (
	writers = 6
	rounds  = 8
)

// checkManyWriters lets each writer write its own names, and delete every other
// one. None may undo another's writes.
func checkManyWriters(t *testing.T, open func() token.TokenStore) {
	var group sync.WaitGroup
	for w := range writers {
		group.Go(func() {
			store := open()
			for r := range rounds {
				name := fmt.Sprintf("writer %d round %d", w, r)
				if err := store.Set(t.Context(), name, name); err != nil {
					t.Errorf("Set %s: %v", name, err)
				}
				if r%2 == 1 {
					if err := store.Delete(t.Context(), name); err != nil {
						t.Errorf("Delete %s: %v", name, err)
					}
				}
			}
		})
	}
	group.Wait()
	var want []string
	for w := range writers {
		for r := 0; r < rounds; r += 2 {
			want = append(want, fmt.Sprintf("writer %d round %d", w, r))
		}
	}
	store := open()
	if names := mustList(t, store); !slices.Equal(names, want) {
		t.Errorf("List: %q\nwant %q", names, want)
	}
	for _, name := range want {
		if got := mustGet(t, store, name); got != name {
			t.Errorf("%s has the value %q", name, got)
		}
	}
}

// checkOneName lets all writers write one name while others read it: it always
// exists and is never mixed.
func checkOneName(t *testing.T, open func() token.TokenStore) {
	mustSet(t, open(), "name", strings.Repeat("0", 100))
	whole := func(value string) bool {
		return len(value) == 100 && value == strings.Repeat(value[:1], 100)
	}
	var writing, reading sync.WaitGroup
	done := make(chan struct{})
	for w := range writers {
		writing.Go(func() {
			store := open()
			for range rounds {
				if err := store.Set(t.Context(), "name", strings.Repeat(fmt.Sprint(w+1), 100)); err != nil {
					t.Errorf("Set: %v", err)
				}
			}
		})
	}
	for range 2 {
		reading.Go(func() {
			store := open()
			for {
				value, err := store.Get(t.Context(), "name")
				if err != nil || !whole(value) {
					t.Errorf("Get while others write: %q, %v", value, err)
				}
				names, err := store.List(t.Context())
				if err != nil || !slices.Equal(names, []string{"name"}) {
					t.Errorf("List while others write: %q, %v", names, err)
				}
				select {
				case <-done:
					return
				default:
				}
			}
		})
	}
	writing.Wait()
	close(done)
	reading.Wait()
	if value := mustGet(t, open(), "name"); !whole(value) || value[0] == '0' {
		t.Errorf("at the end: %q", value)
	}
}
