package revision

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"fnregistry.dev/fn_registry/internal/testtree"
)

func TestHistory(t *testing.T) {
	top := t.TempDir()
	run(t, top, "init", "-q")
	commit := func(subject string) {
		run(t, top, "add", ".")
		run(t, top, "commit", "-q", "--no-verify", "-m", subject)
	}
	testtree.Put(t, top, "sub/a.md", "---\nname: a\nversion: 0.1.0\n---\nversion of what\n")
	commit("The first\n\nwith a body\n+version: 9.9.9")
	testtree.Put(t, top, "sub/a.md", "---\nname: a\nversion: 0.1.0\n---\nOther text\n")
	commit("Only the body")
	testtree.Put(t, top, "sub/a.md", "---\nname: a\nversion: \"0.2.0\"\n---\nOther text\n")
	commit("More <b>")
	run(t, top, "mv", "sub/a.md", "sub/b.md")
	commit("Renamed")
	testtree.Put(t, top, "sub/new.md", "version: 1.0.0\n")

	got, err := History(t.Context(), top+"/sub", "b.md", 10)
	if err != nil {
		t.Fatal(err)
	}
	var all []string
	for _, v := range got {
		all = append(all, fmt.Sprintf("%s %s", v.Version, v.Subject))
		if len(v.Commit) < 7 || time.Since(v.Time) > time.Hour {
			t.Errorf("%+v", v)
		}
	}
	if text := strings.Join(all, "; "); text != "0.2.0 More <b>; 0.1.0 The first" {
		t.Errorf("versions %s", text)
	}
	if got, err := History(t.Context(), top, "sub/new.md", 10); err != nil || len(got) != 0 {
		t.Errorf("not committed: %v, %v", got, err)
	}
	if _, err := History(t.Context(), t.TempDir(), "x.md", 10); err == nil {
		t.Error("no error outside of a checkout")
	}
}

func TestOutput(t *testing.T) {
	if out, err := output(t.Context(), ".", "--version"); err != nil || !strings.HasPrefix(string(out), "git version") {
		t.Errorf("%q, %v", out, err)
	}
	if _, err := output(t.Context(), ".", "no-such-command"); err == nil || !strings.Contains(err.Error(), "no-such-command") {
		t.Errorf("a command that git does not know: %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := output(ctx, ".", "--version"); !errors.Is(err, context.Canceled) {
		t.Errorf("canceled: %v", err)
	}
}

// TestOutput_Bound: git can't fill the memory.
func TestOutput_Bound(t *testing.T) {
	dir := t.TempDir()
	run(t, dir, "init", "-q")
	testtree.Put(t, dir, "big", strings.Repeat("x", mostOutput+1))
	run(t, dir, "add", ".")
	if _, err := output(t.Context(), dir, "show", ":big"); err == nil || !strings.Contains(err.Error(), "prints more than") {
		t.Errorf("got %v", err)
	}
}

func TestFindGit(t *testing.T) {
	dir := t.TempDir()
	testtree.Put(t, dir, "git", "not a program")
	t.Chdir(dir)
	t.Setenv("PATH", "."+string(os.PathListSeparator)+dir)
	if file, err := findGit(); err == nil {
		t.Errorf("found %s", file)
	}
}
