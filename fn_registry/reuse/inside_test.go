package reuse

import (
	"bytes"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"fnregistry.dev/functions/core"
)

// Nothing is read, written or removed through a link in the target.
func TestLinks(t *testing.T) {
	t.Parallel()
	const victim = "the file of somebody else"
	setup := func(t *testing.T) (target *Target, outside string) {
		t.Helper()
		target = &Target{Dir: t.TempDir(), Module: "a.example/a"}
		outside = t.TempDir()
		if err := os.WriteFile(filepath.Join(outside, "x.go"), []byte(victim), 0o600); err != nil {
			t.Fatal(err)
		}
		return target, outside
	}
	for name, link := range map[string]func(target, outside string) error{
		"the folder of copies": func(target, outside string) error {
			return os.Symlink(outside, filepath.Join(target, "units"))
		},
		"a file": func(target, outside string) error {
			return os.Symlink(filepath.Join(outside, "x.go"), filepath.Join(target, "units", "x.go"))
		},
		"a file that is not there": func(target, outside string) error {
			return os.Symlink(filepath.Join(outside, "new.go"), filepath.Join(target, "units", "x.go"))
		},
	} {
		for _, file := range []FileState{
			{File: "x.go", State: Gone, Copy: []byte(victim)},
			{File: "x.go", State: New, Fresh: []byte("package x\n")},
			{File: "x.go", State: Outdated, Copy: []byte(victim), Fresh: []byte("package x\n")},
		} {
			target, outside := setup(t)
			if name != "the folder of copies" {
				if err := os.Mkdir(filepath.Join(target.Dir, "units"), 0o700); err != nil {
					t.Fatal(err)
				}
			}
			if err := link(target.Dir, outside); err != nil {
				t.Fatal(err)
			}
			plan := &Plan{Folder: "units", target: target, edit: &edit{Target: target}, record: &Record{}, Files: []FileState{file}}
			if err := plan.Apply(t.Context(), true); core.ErrorCode(err) != core.CodeInvalid {
				t.Errorf("%s, %s: %v", name, file.State, err)
			}
			text, err := os.ReadFile(filepath.Join(outside, "x.go"))
			entries, _ := os.ReadDir(outside)
			if err != nil || !bytes.Equal(text, []byte(victim)) || len(entries) != 1 {
				t.Errorf("%s, %s: outside has %q, %d files, %v", name, file.State, text, len(entries), err)
			}
			compared := &Plan{Folder: "units", target: target}
			old := &Record{Files: map[string]string{"x.go": hash([]byte(victim))}}
			if err := compared.compare(old, &copies{}); core.ErrorCode(err) != core.CodeInvalid {
				t.Errorf("%s: compared: %v", name, err)
			}
		}
	}
	target, outside := setup(t)
	if err := os.Symlink(filepath.Join(outside, "x.go"), filepath.Join(target.Dir, RecordName)); err != nil {
		t.Fatal(err)
	}
	if _, err := target.ReadRecord("."); core.ErrorCode(err) != core.CodeInvalid {
		t.Errorf("a record that is a link: %v", err)
	}
	if err := os.Mkdir(filepath.Join(target.Dir, "x.go"), 0o700); err != nil {
		t.Fatal(err)
	}
	if _, err := target.readFile("x.go"); core.ErrorCode(err) != core.CodeInvalid {
		t.Errorf("a folder where a file belongs: %v", err)
	}
}

func TestLinkedGoMod(t *testing.T) {
	t.Parallel()
	dir, outside := t.TempDir(), filepath.Join(t.TempDir(), "go.mod")
	const text = "module a.example/a\n\ngo 1.20\n"
	if err := os.WriteFile(outside, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(outside, filepath.Join(dir, "go.mod")); err != nil {
		t.Fatal(err)
	}
	target, err := OpenTarget(dir)
	if err != nil {
		t.Fatal(err)
	}
	e := &edit{Target: target}
	e.require("b.example/b", "v1.0.0", false)
	if err := e.write(t.Context()); core.ErrorCode(err) != core.CodeInvalid {
		t.Errorf("written: %v", err)
	}
	if now, err := os.ReadFile(outside); err != nil || string(now) != text {
		t.Errorf("outside: %q, %v", now, err)
	}
}

// While files are written, read and removed, a link takes the place of their
// folder again and again. Nothing outside is touched.
func TestSwappedFolder(t *testing.T) {
	t.Parallel()
	outside := t.TempDir()
	victim := filepath.Join(outside, "x.go")
	if err := os.WriteFile(victim, []byte("victim"), 0o600); err != nil {
		t.Fatal(err)
	}
	target := &Target{Dir: t.TempDir()}
	folder, aside := filepath.Join(target.Dir, "units"), filepath.Join(target.Dir, "aside")
	if err := os.Mkdir(folder, 0o755); err != nil {
		t.Fatal(err)
	}
	stop := make(chan struct{})
	var swapper sync.WaitGroup
	swapper.Go(func() {
		for {
			select {
			case <-stop:
				return
			default:
				_ = os.Rename(folder, aside)
				_ = os.Symlink(outside, folder)
				_ = os.Remove(folder)
				_ = os.Rename(aside, folder)
			}
		}
	})
	refused, done := 0, 0
	for range 1000 {
		if text, err := target.readFile("units/x.go"); string(text) == "victim" {
			t.Fatalf("read from outside, %v", err)
		}
		for _, err := range []error{target.writeFile(t.Context(), "units/x.go", []byte("copy")), target.removeFile("units/x.go")} {
			if err == nil {
				done++
			} else {
				refused++
			}
		}
		target.removeEmpty("units", "sub")
	}
	close(stop)
	swapper.Wait()
	if text, err := os.ReadFile(victim); string(text) != "victim" {
		t.Errorf("outside: %q, %v", text, err)
	}
	if entries, err := os.ReadDir(outside); err != nil || len(entries) != 1 {
		t.Errorf("outside: %v, %v", entries, err)
	}
	t.Logf("%d done, %d refused", done, refused)
}

func TestWriteKeepsMode(t *testing.T) {
	t.Parallel()
	target := &Target{Dir: t.TempDir()}
	file := filepath.Join(target.Dir, "go.mod")
	if err := os.WriteFile(file, []byte("module a.example/a\n\ngo 1.21\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	target, err := OpenTarget(target.Dir)
	if err != nil {
		t.Fatal(err)
	}
	e := &edit{Target: target}
	e.require("b.example/b", "v1.0.0", false)
	if err := e.write(t.Context()); err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stat(file); err != nil || info.Mode() != 0o600 {
		t.Errorf("%v, %v", info.Mode(), err)
	}
}

// A file of a size that nobody wrote is refused before memory is full.
func TestHugeFiles(t *testing.T) {
	t.Parallel()
	target := &Target{Dir: t.TempDir()}
	for _, name := range []string{"go.mod", "x.go", RecordName} {
		file, err := os.Create(filepath.Join(target.Dir, name))
		if err != nil {
			t.Fatal(err)
		}
		err = file.Truncate(1 << 36)
		file.Close()
		if err != nil {
			t.Skip("no sparse files:", err)
		}
	}
	plan := &Plan{Folder: ".", target: target}
	errs := map[string]error{"a copy": plan.compare(&Record{Files: map[string]string{"x.go": ""}}, &copies{})}
	_, errs["go.mod"] = OpenTarget(target.Dir)
	_, errs["the record"] = target.ReadRecord(".")
	for what, err := range errs {
		if core.ErrorCode(err) != core.CodeTooLarge {
			t.Errorf("%s: %v", what, err)
		}
	}
}
