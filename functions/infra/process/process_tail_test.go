//go:build unix

package process

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"fnregistry.dev/functions/core"
	"fnregistry.dev/functions/infra/service"
	"fnregistry.dev/functions/infra/service/servicetest"
)

// put creates or changes a file.
func put(tb testing.TB, path, text string, flag int) {
	tb.Helper()
	file, err := os.OpenFile(path, flag|os.O_CREATE|os.O_WRONLY, 0o644)
	if err != nil {
		tb.Fatal(err)
	}
	if _, err := file.WriteString(text); err != nil {
		tb.Fatal(err)
	}
	if err := file.Close(); err != nil {
		tb.Fatal(err)
	}
}

// tailed reads a file to its end.
func tailed(tb testing.TB, cfg ProcessTailConfig) []ProcessTailLine {
	tb.Helper()
	var got []ProcessTailLine
	err := ProcessTail(tb.Context(), cfg, func(line ProcessTailLine) error {
		got = append(got, line)
		return nil
	})
	if err != nil {
		tb.Fatal(err)
	}
	return got
}

// following is a ProcessTail with Follow running in the background.
type following struct {
	t     *testing.T
	path  string
	lines chan ProcessTailLine
	ended chan error
	end   context.CancelFunc
}

func follow(t *testing.T, cfg ProcessTailConfig) *following {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	f := &following{t: t, path: cfg.Path, lines: make(chan ProcessTailLine), ended: make(chan error, 1), end: cancel}
	cfg.Follow, cfg.Poll = true, 2*time.Millisecond
	go func() {
		f.ended <- ProcessTail(ctx, cfg, func(line ProcessTailLine) error {
			select {
			case f.lines <- line:
			case <-ctx.Done():
			}
			return nil
		})
	}()
	t.Cleanup(func() {
		cancel()
		if err := <-f.ended; err != nil {
			t.Error(err)
		}
	})
	return f
}

func (f *following) next() ProcessTailLine {
	f.t.Helper()
	select {
	case line := <-f.lines:
		return line
	case err := <-f.ended:
		f.ended <- err
		f.t.Fatalf("it ended: %v", err)
	case <-time.After(20 * time.Second):
		f.t.Fatal("no line")
	}
	return ProcessTailLine{}
}

func (f *following) want(texts ...string) {
	f.t.Helper()
	for _, text := range texts {
		if line := f.next(); line != (ProcessTailLine{Text: text}) {
			f.t.Fatalf("got %+v, want %q", line, text)
		}
	}
}

// A program runs it as a service with service_start.
func TestProcessTail_Conformance(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "log")
	put(t, path, "a\nb\n", os.O_TRUNC)
	servicetest.ServiceConformance(t, func(_ *testing.T, ctx context.Context) (service.Service, error) {
		return service.ServiceStart(ctx, service.ServiceStartConfig{Name: "tail", Run: func(ctx context.Context) error {
			cfg := ProcessTailConfig{Path: path, Follow: true}
			return ProcessTail(ctx, cfg, func(ProcessTailLine) error { return nil })
		}})
	})
}

func TestProcessTail_LastLines(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		text  string
		lines int
		want  string // joined by |, the last with a ~ if it is partial
	}{
		"fewer than asked":    {"a\nb\n", 10, "a|b"},
		"just as many":        {"a\nb\n", 2, "a|b"},
		"more":                {"a\nb\nc\n", 2, "b|c"},
		"no line end":         {"a\nb\nc", 2, "b|c~"},
		"only a part":         {"abc", 5, "abc~"},
		"empty file":          {"", 5, ""},
		"only line ends":      {"\n\n\n", 2, "|"},
		"CRLF":                {"a\r\nb\r\n\r\n", 2, "b|"},
		"a lone CR stays":     {"a\rb\nc\r", 2, "a\rb|c\r~"},
		"none":                {"a\nb\n", -1, ""},
		"ten by default":      {"1\n2\n3\n4\n5\n6\n7\n8\n9\n10\n11\n12\n", 0, "3|4|5|6|7|8|9|10|11|12"},
		"NUL and bad UTF-8":   {"\x00\n\xff\xfe\n", 5, "\x00|\xff\xfe"},
		"empty line and part": {"a\n\nb", 2, "|b~"},
	} {
		path := filepath.Join(t.TempDir(), "log")
		put(t, path, c.text, 0)
		var texts []string
		for _, line := range tailed(t, ProcessTailConfig{Path: path, Lines: c.lines}) {
			if line.Partial {
				line.Text += "~"
			}
			texts = append(texts, line.Text)
		}
		if got := strings.Join(texts, "|"); got != c.want {
			t.Errorf("%s: got %q, want %q", name, got, c.want)
		}
	}
}

// The file is larger than this machine's disk, nearly all of it a hole: reading
// it from the start would never end.
func TestProcessTail_ReadsBackwards(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "log")
	put(t, path, "", 0)
	if err := os.Truncate(path, 1<<42); err != nil {
		t.Fatal(err)
	}
	put(t, path, "\n"+strings.Repeat(strings.Repeat("x", 99)+"\n", 5000)+"last\n", os.O_APPEND)
	got := tailed(t, ProcessTailConfig{Path: path, Lines: 5001})
	if len(got) != 5001 || got[0].Text != strings.Repeat("x", 99) || got[5000].Text != "last" {
		t.Errorf("%d lines", len(got))
	}
}

func TestProcessTail_LongLines(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "log")
	put(t, path, "short\n"+strings.Repeat("x", 300_000)+"\n12345678\r\n"+strings.Repeat("y", 100), 0)
	want := []ProcessTailLine{{Text: "short"}, {Text: "xxxxxxxx", Dropped: 300_000 - 8}, {Text: "12345678", Dropped: 1}, {Text: "yyyyyyyy", Dropped: 92, Partial: true}}
	if got := tailed(t, ProcessTailConfig{Path: path, MaxLineBytes: 8}); !slices.Equal(got, want) {
		t.Errorf("got %+v", got)
	}
	if got := tailed(t, ProcessTailConfig{Path: path, FromStart: true})[1]; len(got.Text) != DefaultMaxLineBytes || got.Dropped != 300_000-DefaultMaxLineBytes {
		t.Errorf("by default: %d, %d dropped", len(got.Text), got.Dropped)
	}
}

func TestProcessTail_Follow(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "log")
	put(t, path, "1\n2\n3\n", 0)
	f := follow(t, ProcessTailConfig{Path: path, Lines: 2})
	f.want("2", "3")
	put(t, path, "4\n5\n", os.O_APPEND)
	f.want("4", "5")
	put(t, path, "half a ", os.O_APPEND)
	put(t, path, "line\nnext", os.O_APPEND)
	f.want("half a line")
	put(t, path, "\n", os.O_APPEND)
	f.want("next")
	f.end()
	if err := <-f.ended; err != nil {
		t.Error(err)
	}
	f.ended <- nil
}

// The writer is a real process with its own buffering.
func TestProcessTail_FollowsAProcess(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "log")
	f := follow(t, ProcessTailConfig{Path: path})
	cmd := exec.Command("sh", "-c", `for i in 1 2 3; do printf 'line '; sleep 0.01; echo $i; done >"$0"; seq 4 2000 >>"$0"`, path)
	if err := cmd.Run(); err != nil {
		t.Fatal(err)
	}
	f.want("line 1", "line 2", "line 3")
	for i := 4; i <= 2000; i++ {
		f.want(fmt.Sprint(i))
	}
}

// looks runs ProcessTail with Follow in virtual time: after wait it has checked
// the file and waits for the next poll.
func looks(t *testing.T, cfg ProcessTailConfig) (got *[]string, wait func()) {
	cfg.Follow, got = true, new([]string)
	go func() {
		if err := ProcessTail(t.Context(), cfg, func(line ProcessTailLine) error {
			*got = append(*got, line.Text)
			return nil
		}); err != nil {
			t.Error(err)
		}
	}()
	return got, func() {
		time.Sleep(DefaultTailPoll)
		synctest.Wait()
	}
}

func TestProcessTail_OnlyNew(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "log")
	put(t, path, "old\nhalf ", 0)
	synctest.Test(t, func(t *testing.T) {
		got, wait := looks(t, ProcessTailConfig{Path: path, Lines: -1})
		wait()
		put(t, path, "a line\nnew\n", os.O_APPEND)
		wait()
		put(t, path, "rewritten, and it is longer\n", os.O_TRUNC)
		wait()
		if want := []string{"a line", "new", "rewritten, and it is longer"}; !slices.Equal(*got, want) {
			t.Errorf("got %q, want %q", *got, want)
		}
	})
}

// Nothing was read yet when the file is rewritten.
func TestProcessTail_OnlyNewAnew(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "log")
	put(t, path, "old\n", 0)
	synctest.Test(t, func(t *testing.T) {
		got, wait := looks(t, ProcessTailConfig{Path: path, Lines: -1})
		wait()
		put(t, path, "written anew\n", os.O_TRUNC)
		wait()
		if want := []string{"written anew"}; !slices.Equal(*got, want) {
			t.Errorf("got %q, want %q", *got, want)
		}
	})
}

func TestProcessTail_Rotation(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "log")
	put(t, path, "a1\n", 0)
	f := follow(t, ProcessTailConfig{Path: path})
	f.want("a1")
	for i := range 5 {
		old := fmt.Sprintf("%s.%d", path, i)
		if err := os.Rename(path, old); err != nil {
			t.Fatal(err)
		}
		// The writer has not reopened its log yet.
		put(t, old, fmt.Sprintf("late %d\n", i), os.O_APPEND)
		put(t, path, fmt.Sprintf("new %d\n", i), 0)
		f.want(fmt.Sprintf("late %d", i), fmt.Sprintf("new %d", i))
	}
	// removed; written to by a program that still holds it open; then created
	// again
	writer, err := os.OpenFile(path, os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer writer.Close()
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	if _, err := writer.WriteString("without a name\nunfinished"); err != nil {
		t.Fatal(err)
	}
	f.want("without a name")
	put(t, path, "again\n", 0)
	if line := f.next(); line != (ProcessTailLine{Text: "unfinished", Partial: true}) {
		t.Errorf("got %+v", line)
	}
	f.want("again")
}

func TestProcessTail_Truncation(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "log")
	put(t, path, "one\ntwo\nunfinished", 0)
	f := follow(t, ProcessTailConfig{Path: path})
	f.want("one", "two")
	put(t, path, "three\n", os.O_TRUNC)
	if line := f.next(); line != (ProcessTailLine{Text: "unfinished", Partial: true}) {
		t.Errorf("got %+v", line)
	}
	f.want("three")
	// Rewritten between two polls: the size shows nothing, the text before the
	// end does.
	put(t, path, "a longer text\nthan before\n", os.O_TRUNC)
	f.want("a longer text", "than before")
	put(t, path, "b longer text\nthan before\n", os.O_TRUNC) // of the same size
	f.want("b longer text", "than before")
}

func TestProcessTail_LinkIsSwitched(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	link := filepath.Join(dir, "current")
	put(t, filepath.Join(dir, "monday"), "m\n", 0)
	put(t, filepath.Join(dir, "tuesday"), "t\n", 0)
	if err := os.Symlink("monday", link); err != nil {
		t.Fatal(err)
	}
	f := follow(t, ProcessTailConfig{Path: link})
	f.want("m")
	if err := os.Symlink("tuesday", link+".new"); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(link+".new", link); err != nil {
		t.Fatal(err)
	}
	f.want("t")
}

func TestProcessTail_WaitsForTheFile(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "log")
	synctest.Test(t, func(t *testing.T) {
		got, wait := looks(t, ProcessTailConfig{Path: path, Lines: 1})
		wait()
		put(t, path, "all\nof\nit\n", 0)
		wait()
		if want := []string{"all", "of", "it"}; !slices.Equal(*got, want) {
			t.Errorf("got %q, want %q", *got, want)
		}
	})
}

func TestProcessTail_Errors(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	path := filepath.Join(dir, "log")
	put(t, path, "1\n2\n3\n", 0)
	pipe := filepath.Join(dir, "pipe")
	if err := syscall.Mkfifo(pipe, 0o600); err != nil {
		t.Fatal(err)
	}
	never := func(line ProcessTailLine) error { t.Errorf("got %+v", line); return nil }
	for name, c := range map[string]struct {
		cfg  ProcessTailConfig
		want core.Code
	}{
		"missing":           {ProcessTailConfig{Path: dir + "/no"}, core.CodeNotFound},
		"a folder":          {ProcessTailConfig{Path: dir}, core.CodeInvalid},
		"a folder, follow":  {ProcessTailConfig{Path: dir, Follow: true}, core.CodeInvalid},
		"a pipe":            {ProcessTailConfig{Path: pipe}, core.CodeInvalid},
		"no path":           {ProcessTailConfig{}, core.CodeInvalid},
		"a negative poll":   {ProcessTailConfig{Path: path, Poll: -1}, core.CodeInvalid},
		"a negative length": {ProcessTailConfig{Path: path, MaxLineBytes: -1}, core.CodeInvalid},
	} {
		if err := ProcessTail(t.Context(), c.cfg, never); core.ErrorCode(err) != c.want {
			t.Errorf("%s: got %v, want %s", name, err, c.want)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := ProcessTail(ctx, ProcessTailConfig{Path: path}, never); core.ErrorCode(err) != core.CodeCanceled {
		t.Errorf("cancelled, without Follow: %v", err)
	}
	if err := ProcessTail(ctx, ProcessTailConfig{Path: path, Follow: true}, never); err != nil {
		t.Errorf("cancelled, with Follow: %v", err)
	}
	enough := errors.New("enough")
	lines := 0
	err := ProcessTail(t.Context(), ProcessTailConfig{Path: path, Follow: true}, func(ProcessTailLine) error {
		lines++
		if lines == 2 {
			return enough
		}
		return nil
	})
	if !errors.Is(err, enough) || lines != 2 {
		t.Errorf("%d lines, %v", lines, err)
	}
}

// The oracle splits the whole text. Block size and line length are small, so
// that everything falls on a boundary now and then.
func FuzzProcessTail(f *testing.F) {
	f.Add([]byte("a\nbb\n\nccc\r\nd"), 3, 2, 4)
	f.Add([]byte("\n\n\n"), 1, 1, 1)
	f.Add([]byte("0123456789"), 1, 3, 5)
	f.Fuzz(func(t *testing.T, data []byte, n, block, most int) {
		n, block, most = max(1, n), min(max(1, block), 1<<12), min(max(1, most), 1<<12)
		var got []ProcessTailLine
		tail := newTailer(ProcessTailConfig{MaxLineBytes: most}, func(line ProcessTailLine) error {
			got = append(got, line)
			return nil
		})
		start, err := lastLines(t.Context(), bytes.NewReader(data), int64(len(data)), n, make([]byte, block))
		if err != nil {
			t.Fatal(err)
		}
		for part := range slices.Chunk(data[start:], block) {
			if err := tail.split(part); err != nil {
				t.Fatal(err)
			}
		}
		if err := tail.flush(); err != nil {
			t.Fatal(err)
		}
		want := splitAll(string(data), most)
		want = want[max(0, len(want)-n):]
		if !slices.Equal(got, want) {
			t.Errorf("%q, last %d: got %+v, want %+v", data, n, got, want)
		}
	})
}

func splitAll(text string, most int) []ProcessTailLine {
	var all []ProcessTailLine
	for line := range strings.Lines(text) {
		body, ended := strings.CutSuffix(line, "\n")
		dropped := max(0, len(body)-most)
		body = body[:len(body)-dropped]
		if ended && dropped == 0 {
			body = strings.TrimSuffix(body, "\r")
		}
		all = append(all, ProcessTailLine{Text: body, Dropped: int64(dropped), Partial: !ended})
	}
	return all
}

// The last lines of a file of 64 MiB, and all of its lines, compared with a
// bufio.Scanner over the whole file.
func BenchmarkProcessTail(b *testing.B) {
	path := filepath.Join(b.TempDir(), "log")
	put(b, path, strings.Repeat(strings.Repeat("x", 127)+"\n", 1<<19), 0)
	ctx := b.Context()
	none := func(ProcessTailLine) error { return nil }
	for _, c := range []struct {
		name string
		cfg  ProcessTailConfig
	}{{"last_10", ProcessTailConfig{Path: path}}, {"all", ProcessTailConfig{Path: path, FromStart: true}}} {
		b.Run(c.name+"/process_tail", func(b *testing.B) {
			for b.Loop() {
				if err := ProcessTail(ctx, c.cfg, none); err != nil {
					b.Fatal(err)
				}
			}
		})
		b.Run(c.name+"/scanner", func(b *testing.B) {
			for b.Loop() {
				file, err := os.Open(path)
				if err != nil {
					b.Fatal(err)
				}
				last := make([]string, 10)
				scanner := bufio.NewScanner(file)
				for i := 0; scanner.Scan(); i++ {
					last[i%10] = scanner.Text()
				}
				if err := errors.Join(scanner.Err(), file.Close()); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// states collects the codes passed to OnState; "" for nil.
type states struct{ heard []core.Code }

func (s *states) on(err error) {
	if err == nil {
		s.heard = append(s.heard, "")
		return
	}
	s.heard = append(s.heard, core.ErrorCode(err))
}

// A state that logrotate creates briefly, and that tail -F survives.
func TestProcessTail_PassingErrors(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	path := filepath.Join(dir, "log")
	must := func(errs ...error) {
		t.Helper()
		if err := errors.Join(errs...); err != nil {
			t.Fatal(err)
		}
	}
	put(t, path, "one\n", 0)
	var s states
	synctest.Test(t, func(t *testing.T) {
		got, wait := looks(t, ProcessTailConfig{Path: path, OnState: s.on})
		wait()
		must(os.Rename(path, path+".old"), os.Mkdir(path, 0o755)) // a folder in its place
		put(t, path+".old", "two\n", os.O_APPEND)
		wait()
		wait()
		must(os.Remove(path))
		wait()
		must(os.Symlink("log", path)) // a link to itself: neither there nor missing
		wait()
		must(os.Remove(path))
		put(t, path, "three\n", 0)
		wait()
		if want := []string{"one", "two", "three"}; !slices.Equal(*got, want) {
			t.Errorf("got %q, want %q", *got, want)
		}
	})
	if want := []core.Code{core.CodeInvalid, core.CodeNotFound, core.CodeInternal, ""}; !slices.Equal(s.heard, want) {
		t.Errorf("heard %q, want %q", s.heard, want)
	}
}

// Root may read everything, so permissions are tested as another user.
func TestProcessTail_PermissionDenied(t *testing.T) {
	t.Parallel()
	if os.Getuid() == 0 {
		runAsNobody(t)
		return
	}
	path := filepath.Join(t.TempDir(), "log")
	var s states
	put(t, path, "one\ntwo\n", 0)
	if err := os.Chmod(path, 0); err != nil {
		t.Fatal(err)
	}
	synctest.Test(t, func(t *testing.T) {
		got, wait := looks(t, ProcessTailConfig{Path: path, Lines: 1, OnState: s.on})
		wait()
		if err := os.Chmod(path, 0o600); err != nil {
			t.Fatal(err)
		}
		wait()
		put(t, path+".new", "three\n", 0)
		if err := errors.Join(os.Chmod(path+".new", 0), os.Rename(path+".new", path)); err != nil {
			t.Fatal(err)
		}
		wait()
		if err := os.Chmod(path, 0o600); err != nil {
			t.Fatal(err)
		}
		wait()
		if want := []string{"two", "three"}; !slices.Equal(*got, want) {
			t.Errorf("got %q, want %q", *got, want)
		}
	})
	if want := []core.Code{core.CodeForbidden, "", core.CodeForbidden, ""}; !slices.Equal(s.heard, want) {
		t.Errorf("heard %q, want %q", s.heard, want)
	}
}

// runAsNobody runs the test again as a user with fewer privileges.
func runAsNobody(t *testing.T) {
	t.Helper()
	dir, err := os.MkdirTemp("/tmp", "tail-") // a folder of the test's own that nobody can enter
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	binary, err := os.ReadFile(os.Args[0])
	if err != nil {
		t.Fatal(err)
	}
	const nobody = 65534
	if err := errors.Join(os.WriteFile(dir+"/test", binary, 0o755), os.Chmod(dir, 0o755), os.Mkdir(dir+"/tmp", 0o755), os.Chown(dir+"/tmp", nobody, nobody)); err != nil {
		t.Fatal(err)
	}
	child := exec.CommandContext(t.Context(), dir+"/test", "-test.run=^"+t.Name()+"$", "-test.v")
	child.Dir = dir
	child.Env = append(os.Environ(), "TMPDIR="+dir+"/tmp")
	child.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: nobody, Gid: nobody}}
	if out, err := child.CombinedOutput(); err != nil || !strings.Contains(string(out), "--- PASS: "+t.Name()) {
		t.Errorf("%v\n%s", err, out)
	}
}

// Finding the last lines of a file that is one hole takes longer than anyone
// would wait.
func TestProcessTail_SparseFileHeedsContext(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "log")
	put(t, path, "", 0)
	if err := os.Truncate(path, 60<<30); err != nil {
		t.Skipf("SKIPPED: no sparse files here: %v", err)
	}
	for _, follow := range []bool{false, true} {
		ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
		start := time.Now()
		err := ProcessTail(ctx, ProcessTailConfig{Path: path, Follow: follow}, func(ProcessTailLine) error { return nil })
		cancel()
		if took := time.Since(start); took > 5*time.Second {
			t.Errorf("follow %t: it took %v", follow, took)
		}
		if want := map[bool]core.Code{false: core.CodeTimeout, true: ""}[follow]; core.ErrorCode(err) != want {
			t.Errorf("follow %t: %v, want %q", follow, err, want)
		}
	}
}
