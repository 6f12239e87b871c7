// Package writertest tests a token store that several processes write to, some
// of which are killed.
package writertest

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"fnregistry.dev/functions/infra/token"
)

// Write is what a process does: it writes names "PREFIX 0", "PREFIX 1", ... and
// prints each once it is acknowledged; every third one it deletes again, and
// prints that. It ends after so many names, or not by itself with 0: a process
// that is to be killed.
func Write(store token.TokenStore, prefix string, names int) error {
	// It ends, whatever happens to the test.
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	for i := 0; names == 0 || i < names; i++ {
		name := fmt.Sprint(prefix, " ", i)
		if err := store.Set(ctx, name, value(name)); err != nil {
			return err
		}
		fmt.Println("set", name)
		if i%3 == 2 {
			if err := store.Delete(ctx, name); err != nil {
				return err
			}
			fmt.Println("deleted", name)
		}
	}
	return nil
}

func value(name string) string { return "value of " + name }

// Process is a running [Write].
type Process interface {
	Line() (line string, ok bool) // that it prints; ok is false at its end
	Kill()
	Wait() (killed bool)
}

// Killed runs processes, each started with a prefix and a number of names, and
// kills every second one in the middle of its work. Afterwards what was
// acknowledged is in the store that open opens, what was deleted is not, and at
// most one name for each kill is there or missing without having been
// acknowledged.
func Killed(t *testing.T, start func(prefix string, names int) Process, open func() token.TokenStore) {
	t.Helper()
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 0))
	var lock sync.Mutex
	state := map[string]string{} // name: the last that was acknowledged
	var group sync.WaitGroup
	kills := 0
	for p := range 5 {
		killAfter, names := 0, 40
		if p%2 == 0 {
			killAfter, names = 1+random.IntN(30), 0
			kills++
		}
		child := start(fmt.Sprint("process ", p), names)
		group.Go(func() {
			lines := 0
			for line, ok := child.Line(); ok; line, ok = child.Line() {
				what, name, _ := strings.Cut(line, " ")
				lock.Lock()
				state[name] = what
				lock.Unlock()
				if lines++; lines == killAfter {
					child.Kill()
				}
			}
			if killed := child.Wait(); killed != (killAfter > 0) {
				t.Errorf("process %d, to be killed after %d lines (0: not): killed %t after %d lines", p, killAfter, killed, lines)
			}
		})
	}
	group.Wait()
	unknown, missing := compare(t, open(), state)
	if unknown+missing > kills {
		t.Errorf("%d names that nobody acknowledged, %d acknowledged ones missing; %d kills explain %d at most", unknown, missing, kills, kills)
	}
}

// compare holds a store to what was acknowledged, and counts the names that
// only a kill explains.
func compare(t testing.TB, store token.TokenStore, state map[string]string) (unknown, missing int) {
	t.Helper()
	names, err := store.List(t.Context())
	if err != nil {
		t.Error(err)
	}
	for _, name := range names {
		if got, err := store.Get(t.Context(), name); err != nil || got != value(name) {
			t.Errorf("Get %s: %q, %v", name, got, err)
		}
		switch state[name] {
		case "deleted":
			t.Errorf("%s was deleted and is there", name)
		case "":
			unknown++ // done, and killed before it said so
		}
	}
	for name, what := range state {
		if what == "set" && !slices.Contains(names, name) {
			missing++ // its deletion may have been done and not acknowledged
		}
	}
	return unknown, missing
}
