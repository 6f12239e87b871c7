package live

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"
)

// TestMain fails if a Run that has ended left goroutines behind.
func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// spec returns a minimal spec of a unit.
func spec(name, description string) string {
	return fmt.Sprintf("---\nname: %s\nkind: function\nlang: go\ndomain: f\nversion: 0.1.0\ndescription: %s\n---\n", name, description)
}

// followed is a Live with a repository of its own.
type followed struct {
	*Live
	t    *testing.T
	root string
	stop func() // and waits until it has ended without an error
}

// repository is a folder with one unit, wait_go_f.
func repository(t *testing.T) string {
	t.Helper()
	root := filepath.Join(t.TempDir(), "root")
	writeFile(t, filepath.Join(root, "fn_registry.yaml"), "version: 1\nunits: [f]\n")
	writeFile(t, filepath.Join(root, "go.mod"), "module example.org/m\n")
	writeFile(t, filepath.Join(root, "f/wait.md"), spec("wait", "Waits at home."))
	return root
}

// start runs a Live until the test ends, and waits until it has checked all
// files.
func start(t *testing.T, root string, cfg Config) *followed {
	t.Helper()
	cfg.Options.Roots = []string{root}
	if cfg.Options.Cache == "" {
		cfg.Options.Cache = t.TempDir()
	}
	f := &followed{Live: New(cfg), t: t, root: root}
	running, err := f.Start(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	f.stop = sync.OnceFunc(func() {
		if err := running.Stop(context.Background()); err != nil {
			t.Errorf("Stop: %v", err)
		}
	})
	t.Cleanup(f.stop)
	f.until("it has looked at all files", func() bool { return f.Freshness().SweptAt != nil && f.Freshness().Watching == cfg.Watch })
	return f
}

// ended starts a Live that ends by itself, and returns why.
func ended(t *testing.T, l *Live, ctx context.Context) error {
	t.Helper()
	running, err := l.Start(ctx)
	if err != nil {
		t.Fatal(err)
	}
	<-running.Done()
	return running.Err()
}

func writeFile(t *testing.T, file, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

// write writes a file of the repository.
func (f *followed) write(file, text string) {
	f.t.Helper()
	writeFile(f.t, filepath.Join(f.root, file), text)
}

// description returns a unit's description, or "" if there is no such unit.
func (f *followed) description(id string) string {
	if u := f.State().Catalog.Unit(id); u != nil {
		return u.Spec.Description
	}
	return ""
}

// until waits for a condition.
func (f *followed) until(what string, ok func() bool) {
	f.t.Helper()
	deadline := time.Now().Add(20 * time.Second)
	for !ok() {
		if time.Now().After(deadline) {
			f.t.Fatalf("waited in vain until %s; freshness %+v", what, f.Freshness())
		}
		time.Sleep(2 * time.Millisecond)
	}
}
