package tokenfile_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"fnregistry.dev/functions/infra/tokenfile"
	"fnregistry.dev/tools/testenv/testkit/killtest"
)

// writeNames writes names "PREFIX 0", "PREFIX 1", ... and prints each once it
// is acknowledged; it deletes every third one again, and prints that. It ends
// after the given number of names, or never if that is 0, in a process that
// will be killed. args are the store's path, PREFIX, the identity file and the
// number.
func writeNames(args []string) error {
	path, prefix, identity := args[0], args[1], args[2]
	names, err := strconv.Atoi(args[3])
	if err != nil {
		return err
	}
	store, err := tokenfile.FileTokenStore(tokenfile.FileTokenStoreConfig{Path: path, IdentityFile: identity})
	if err != nil {
		return err
	}
	// It ends even if the test dies.
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	for i := 0; names == 0 || i < names; i++ {
		name := fmt.Sprint(prefix, " ", i)
		if err := store.Set(ctx, name, "value of "+name); err != nil {
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

// Several processes write at once, and some are killed meanwhile: acknowledged
// values are there, deleted ones are not, the file is intact, and at most one
// unacknowledged name per kill exists.
func TestFileTokenStore_ProcessesKilled(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	path, identity := filepath.Join(dir, "tokens.age"), newIdentity(t, dir)
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 0))

	var lock sync.Mutex
	state := map[string]string{} // last acknowledged value by name
	var group sync.WaitGroup
	const processes = 5
	kills := 0
	for p := range processes {
		killAfter, names := 0, 40
		if p%2 == 0 {
			killAfter, names = 1+random.IntN(30), 0
			kills++
		}
		child := killtest.Start(t, killtest.Config{Role: "write", Args: []string{path, fmt.Sprint("process ", p), identity, strconv.Itoa(names)}})
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

	store := byIdentity(t, path, identity)
	names, err := store.List(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	unknown := 0
	for _, name := range names {
		wantValue(t, store, name, "value of "+name)
		switch state[name] {
		case "deleted":
			t.Errorf("%s was deleted and is there", name)
		case "":
			unknown++
		}
	}
	missing := 0
	for name, what := range state {
		if what == "set" && !slices.Contains(names, name) {
			missing++ // it may have been deleted without an acknowledgement
		}
	}
	if unknown+missing > kills {
		t.Errorf("%d unacknowledged names, %d acknowledged ones missing; %d kills explain at most %d", unknown, missing, kills, kills)
	}
	set(t, store, "after", "all") // dead processes leave no lock behind
}
