package file_test

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"fnregistry.dev/functions/core"
	"fnregistry.dev/functions/infra/file"
)

func rotate(t testing.TB, cfg file.FileRotateConfig) *file.FileRotateHandle {
	t.Helper()
	if cfg.OnError == nil {
		cfg.OnError = func(err error) { t.Error(err) }
	}
	h, err := file.FileRotate(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { h.Close() })
	return h
}

// logs returns the content of all files of a log by the ends of their names.
func logs(t testing.TB, path string) map[string]string {
	t.Helper()
	all, err := filepath.Glob(path + "*")
	if err != nil {
		t.Fatal(err)
	}
	content := map[string]string{}
	for _, name := range all {
		data, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		if strings.HasSuffix(name, ".gz") {
			unpacked, err := gzip.NewReader(bytes.NewReader(data))
			if err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			if data, err = io.ReadAll(unpacked); err != nil {
				t.Fatalf("%s: %v", name, err)
			}
		}
		content[strings.TrimPrefix(name, path)] = string(data)
	}
	return content
}

func wantLogs(t *testing.T, path string, want map[string]string) {
	t.Helper()
	if got := logs(t, path); fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestFileRotate_Size(t *testing.T) {
	t.Parallel()
	for _, zip := range []bool{false, true} {
		path := filepath.Join(t.TempDir(), "log")
		cfg := file.FileRotateConfig{Path: path, MaxBytes: 10, Keep: 2, Gzip: zip}
		h := rotate(t, cfg)
		for i := range 9 {
			fmt.Fprintf(h, "line%d\n", i) // six bytes, then one fits
		}
		fmt.Fprint(h, "more")
		if err := h.Close(); err != nil {
			t.Fatal(err)
		}
		end := map[bool]string{true: ".gz"}[zip]
		wantLogs(t, path, map[string]string{"": "line8\nmore", ".1" + end: "line7\n", ".2" + end: "line6\n"})
		h = rotate(t, cfg) // goes on where it was
		fmt.Fprint(h, "a line that is longer than a file\n")
		fmt.Fprint(h, "x\n")
		if err := h.Rotate(); err != nil {
			t.Error(err)
		}
		if err := h.Rotate(); err != nil { // nothing is in it
			t.Error(err)
		}
		if err := h.Close(); err != nil {
			t.Fatal(err)
		}
		wantLogs(t, path, map[string]string{"": "", ".1" + end: "x\n", ".2" + end: "a line that is longer than a file\n"})
		if _, err := h.Write([]byte("x")); core.ErrorCode(err) != core.CodeUnavailable {
			t.Errorf("after Close: %v", err)
		}
	}
}

func TestFileRotate_KeepNone(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "log")
	h := rotate(t, file.FileRotateConfig{Path: path, MaxBytes: 10, Keep: -1})
	fmt.Fprint(h, "line0\nline1\n")
	fmt.Fprint(h, "line2\n")
	wantLogs(t, path, map[string]string{"": "line2\n"})
}

func TestFileRotate_Age(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "log")
	for n, age := range []time.Duration{time.Hour, 3 * time.Hour, 5 * time.Hour} {
		name := fmt.Sprintf("%s.%d", path, n+1)
		if err := os.WriteFile(name, []byte("old\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Chtimes(name, time.Now(), time.Now().Add(-age)); err != nil {
			t.Fatal(err)
		}
	}
	cfg := file.FileRotateConfig{Path: path, MaxAge: 2 * time.Hour, Gzip: true}
	if err := rotate(t, cfg).Close(); err != nil {
		t.Fatal(err)
	}
	wantLogs(t, path, map[string]string{"": "", ".1.gz": "old\n"})
	cfg.MaxAge = 30 * time.Minute // compressing has not made it younger
	if err := rotate(t, cfg).Close(); err != nil {
		t.Fatal(err)
	}
	wantLogs(t, path, map[string]string{"": ""})
}

// Whatever a kill has left between two steps: nothing is lost after the next
// rotation.
func TestFileRotate_AfterKills(t *testing.T) {
	t.Parallel()
	packed := func(text string) string {
		var out bytes.Buffer
		w := gzip.NewWriter(&out)
		fmt.Fprint(w, text)
		w.Close()
		return out.String()
	}
	for name, files := range map[string]map[string]string{
		"a gap":                 {"": "4\n", ".2": "3\n", ".3": "2\n"},
		"moved, not begun":      {".1": "4\n", ".2": "3\n", ".3": "2\n"},
		"packed, not removed":   {"": "4\n", ".1": "3\n", ".1.gz": packed("3\n"), ".2.gz": packed("2\n")},
		"half moved with both":  {"": "4\n", ".1.gz": packed("3\n"), ".2": "3\n", ".3.gz": packed("2\n")},
		"half packed":           {"": "4\n", ".1": "3\n", ".2.gz": packed("2\n"), ".1.gz.tmp123": "\x1f\x8b"},
		"unpacked after packed": {"": "4\n", ".1.gz": packed("3\n"), ".2": "2\n"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			path := filepath.Join(t.TempDir(), "log")
			for end, content := range files {
				if err := os.WriteFile(path+end, []byte(content), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			h := rotate(t, file.FileRotateConfig{Path: path, Keep: 5, Gzip: true})
			fmt.Fprint(h, "5\n")
			if err := h.Rotate(); err != nil {
				t.Error(err)
			}
			fmt.Fprint(h, "6\n")
			if err := h.Close(); err != nil {
				t.Error(err)
			}
			var all []string
			for end, content := range logs(t, path) {
				if !strings.Contains(end, "tmp") {
					all = append(all, strings.Fields(content)...)
				}
			}
			slices.Sort(all)
			all = slices.Compact(all)
			if !slices.Equal(all, []string{"2", "3", "4", "5", "6"}) {
				t.Errorf("%v", all)
			}
		})
	}
}

// A folder that can't be written to stops no line.
func TestFileRotate_CanNotRotate(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "log")
	if err := os.MkdirAll(filepath.Join(path+".1", "full"), 0o700); err != nil { // can't be removed
		t.Fatal(err)
	}
	var errs []error
	h := rotate(t, file.FileRotateConfig{Path: path, MaxBytes: 10, Keep: 1, OnError: func(err error) { errs = append(errs, err) }})
	var want strings.Builder
	for i := range 20 {
		fmt.Fprintf(h, "line %d\n", i)
		fmt.Fprintf(&want, "line %d\n", i)
	}
	if got, err := os.ReadFile(path); err != nil || string(got) != want.String() || len(errs) == 0 {
		t.Errorf("%q, %v, errors %v", got, err, errs)
	}
	if err := os.RemoveAll(path + ".1"); err != nil {
		t.Fatal(err)
	}
	fmt.Fprint(h, "last\n")
	wantLogs(t, path, map[string]string{"": "last\n", ".1": want.String()})
}

func TestFileRotate_Concurrent(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "log")
	h := rotate(t, file.FileRotateConfig{Path: path, MaxBytes: 2000, Keep: 1000, Gzip: true})
	const writers, each = 4, 300
	var writing sync.WaitGroup
	for w := range writers {
		writing.Go(func() {
			for i := range each {
				if _, err := fmt.Fprintf(h, "%d.%03d%s\n", w, i, strings.Repeat("x", 50)); err != nil {
					t.Error(err)
				}
			}
		})
	}
	writing.Wait()
	if err := h.Close(); err != nil {
		t.Fatal(err)
	}
	seen := map[string]bool{}
	for name, content := range logs(t, path) {
		if len(content) > 2000 {
			t.Errorf("%s has %d bytes", name, len(content))
		}
		for line := range strings.Lines(content) {
			if key := line[:5]; len(line) != 56 || seen[key] {
				t.Fatalf("%s: %q", name, line)
			} else {
				seen[key] = true
			}
		}
	}
	if len(seen) != writers*each {
		t.Errorf("%d lines of %d", len(seen), writers*each)
	}
}

func TestFileRotate_Invalid(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "log")
	for _, cfg := range []file.FileRotateConfig{{}, {Path: path, MaxBytes: -1}, {Path: path, MaxAge: -1}, {Path: path, Mode: os.ModeDir | 0o700}} {
		if _, err := file.FileRotate(cfg); core.ErrorCode(err) != core.CodeInvalid {
			t.Errorf("%+v: %v", cfg, err)
		}
	}
	if _, err := file.FileRotate(file.FileRotateConfig{Path: filepath.Join(path, "missing", "log")}); core.ErrorCode(err) != core.CodeNotFound {
		t.Errorf("no folder: %v", err)
	}
	if runtime.GOOS != "windows" {
		if _, err := file.FileRotate(file.FileRotateConfig{Path: "/dev/null"}); core.ErrorCode(err) != core.CodeInvalid {
			t.Errorf("a device: %v", err)
		}
		if err := rotate(t, file.FileRotateConfig{Path: path}).Close(); err != nil {
			t.Error(err)
		}
		if info, err := os.Stat(path); err != nil || info.Mode() != 0o600 {
			t.Errorf("%v, %v", info.Mode(), err)
		}
	}
}

func BenchmarkFileRotate(b *testing.B) {
	line := bytes.Repeat([]byte("x"), 199)
	line = append(line, '\n')
	b.SetBytes(200)
	b.Run("unit", func(b *testing.B) {
		h := rotate(b, file.FileRotateConfig{Path: filepath.Join(b.TempDir(), "log")})
		for b.Loop() {
			h.Write(line)
		}
	})
	b.Run("osFile", func(b *testing.B) {
		f, err := os.Create(filepath.Join(b.TempDir(), "log"))
		if err != nil {
			b.Fatal(err)
		}
		defer f.Close()
		for b.Loop() {
			f.Write(line)
		}
	})
}
