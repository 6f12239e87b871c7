package keyring

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/godbus/dbus/v5"

	"fnregistry.dev/functions/core"
	"fnregistry.dev/functions/infra/token"
	"fnregistry.dev/functions/internal/writertest"
	"fnregistry.dev/tools/testenv/testkit/servers"
)

// Each library reads what the other wrote, and neither duplicates the other's
// item.
func TestKeyringTokenStore_SameItemsAsGoKeyring(t *testing.T) {
	servers.Keyring(t)
	t.Parallel()
	service := newService(t)
	s := mustStore(t, service)
	set(t, s, "name", "ours "+value)
	if got := output(t, child(t, "go-keyring get", service, "name")); got != "ours "+value {
		t.Errorf("go-keyring reads %q", got)
	}
	if got := output(t, child(t, "go-keyring set", service, "name", "theirs "+value)); got != "" {
		t.Fatal(got)
	}
	wantValue(t, s, "name", "theirs "+value)
	set(t, s, "name", "ours again")
	if got := output(t, child(t, "go-keyring get", service, "name")); got != "ours again" {
		t.Errorf("go-keyring reads %q", got)
	}
	// A name that only go-keyring accepts is not listed: no call here could use
	// it.
	if got := output(t, child(t, "go-keyring set", service, "bad\x01name", "x")); got != "" {
		t.Fatal(got)
	}
	if names, err := s.List(t.Context()); err != nil || !slices.Equal(names, []string{"name"}) {
		t.Errorf("List: %q, %v", names, err)
	}
}

// Without a session bus the error says so, and what to do. It runs as another
// user, who certainly has none.
func TestKeyringTokenStore_NoBus(t *testing.T) {
	t.Parallel()
	_, err := at("x", "nonsense").List(t.Context())
	wantError(t, err, core.CodeUnsupported, "no D-Bus session bus")
	wantHint(t, err, "file_token_store")
	_, err = at("x", "unix:path=/nonexistent/bus").Get(t.Context(), "name")
	wantError(t, err, core.CodeUnavailable, "does not answer")
	wantHint(t, err, "file_token_store")
	wantError(t, at("x", "unix:path=/nonexistent/bus").Set(t.Context(), "name", value), core.CodeUnavailable, "does not answer")

	binary := filepath.Join(t.TempDir(), "child")
	for _, dir := range []string{filepath.Dir(binary), filepath.Dir(filepath.Dir(binary))} {
		if err := os.Chmod(dir, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Link(mustExecutable(t), binary); err != nil {
		t.Fatal(err)
	}
	cmd := child(t, "list", "x")
	cmd.Path = binary
	cmd.Env = []string{childEnv + "=list"}
	const nobody = 65534
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: nobody, Gid: nobody}}
	if uid := os.Getuid(); uid != 0 { // then this user is nobody inside a namespace
		cmd.SysProcAttr = &syscall.SysProcAttr{
			Cloneflags:  syscall.CLONE_NEWUSER,
			UidMappings: []syscall.SysProcIDMap{{ContainerID: nobody, HostID: uid, Size: 1}},
			GidMappings: []syscall.SysProcIDMap{{ContainerID: nobody, HostID: os.Getgid(), Size: 1}},
		}
	}
	out, err := cmd.Output()
	switch got := string(out); {
	case errors.Is(err, syscall.EPERM) && os.Getuid() != 0:
		t.Skip("this kernel has no user namespaces, which a change of user needs")
	case err != nil:
		t.Fatal(err)
	case !strings.HasPrefix(got, "unsupported ") || !strings.Contains(got, "no D-Bus session bus"):
		t.Errorf("got %q", got)
	}
}

func mustExecutable(t *testing.T) string {
	t.Helper()
	path, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	return path
}

// Bus and keyring are killed during writes and restarted: the same store
// continues to work, and holds everything acknowledged.
func TestKeyringTokenStore_KilledAndRestarted(t *testing.T) {
	t.Parallel()
	server := startOwn(t)
	s := at("x", server.bus)
	acknowledged := make(chan string, 10_000) // so that the writer never blocks
	failed := make(chan error, 1)
	go func() {
		defer close(acknowledged)
		for i := range cap(acknowledged) {
			name := fmt.Sprint("name ", i)
			if err := s.Set(t.Context(), name, "value of "+name); err != nil {
				failed <- err
				return
			}
			acknowledged <- name
		}
		failed <- nil
	}()
	var names []string
	for len(names) < 20 {
		names = append(names, <-acknowledged)
	}
	server.Kill(t)
	for name := range acknowledged {
		names = append(names, name)
	}
	err := <-failed
	wantError(t, err, core.CodeUnavailable, "keyring")
	_, err = s.Get(t.Context(), names[0])
	wantError(t, err, core.CodeUnavailable, "does not answer")
	wantHint(t, err, "file_token_store")

	server.Restart(t)
	for _, name := range names {
		wantValue(t, s, name, "value of "+name)
	}
	found, err := s.List(t.Context())
	if err != nil || len(found) < len(names) || len(found) > len(names)+1 { // the one in progress may have been written
		t.Errorf("%d names were acknowledged, %d are there: %v", len(names), len(found), err)
	}
}

// Only the keyring is killed; the bus keeps running.
func TestKeyringTokenStore_KeyringKilled(t *testing.T) {
	t.Parallel()
	server := startOwn(t)
	s := at("x", server.bus)
	set(t, s, "name", value)
	daemon, err := os.FindProcess(server.pid(t, destination))
	if err != nil {
		t.Fatal(err)
	}
	if err := daemon.Kill(); err != nil {
		t.Fatal(err)
	}
	for { // until the bus has noticed; a call before that may get any error of a lost keyring
		_, err = s.Get(t.Context(), "name")
		if core.ErrorCode(err) != "" && core.ErrorCode(err) != core.CodeUnavailable {
			t.Fatal(err)
		}
		if err != nil && strings.Contains(err.Error(), "no keyring answers") {
			break
		}
	}
	wantHint(t, err, "file_token_store")
	wantError(t, s.Set(t.Context(), "name", "new"), core.CodeUnavailable, "no keyring answers")
	wantError(t, s.Delete(t.Context(), "name"), core.CodeUnavailable, "no keyring answers")
	server.Restart(t)
	wantValue(t, s, "name", value)
}

func TestKeyringTokenStore_Locked(t *testing.T) {
	t.Parallel()
	server := startOwn(t)
	s := at("x", server.bus)
	set(t, s, "name", value)
	server.lock(t)
	_, err := s.Get(t.Context(), "name")
	wantError(t, err, core.CodeUnauthenticated, "the keyring is locked") // with nobody to unlock it
	wantHint(t, err, "unlock it")
	wantError(t, s.Set(t.Context(), "name", "new "+value), core.CodeUnauthenticated, "the keyring is locked")
	wantError(t, s.Set(t.Context(), "new", value), core.CodeUnauthenticated, "the keyring is locked")
	wantError(t, s.Delete(t.Context(), "name"), core.CodeUnauthenticated, "the keyring is locked")
	_, err = s.List(t.Context())
	wantError(t, err, core.CodeUnauthenticated, "the keyring is locked")
	var group sync.WaitGroup // many at once: each returns, without a deadline
	for range 10 {
		group.Go(func() {
			_, err := at("x", server.bus).Get(t.Context(), "name")
			wantError(t, err, core.CodeUnauthenticated, "the keyring is locked")
		})
	}
	group.Wait()
	server.Restart(t) // and unlocked
	wantValue(t, s, "name", value)
	if names, err := s.List(t.Context()); err != nil || len(names) != 1 {
		t.Errorf("%q, %v", names, err)
	}
}

// silentPrompter is a desktop that is asked to show a prompt, but where nobody
// answers.
type silentPrompter struct{ asked chan struct{} }

func (p silentPrompter) BeginPrompting(dbus.ObjectPath) *dbus.Error {
	p.asked <- struct{}{}
	return nil
}

func (p silentPrompter) StopPrompting(dbus.ObjectPath) *dbus.Error { return nil }

func newPrompter(t *testing.T, conn *dbus.Conn) silentPrompter {
	t.Helper()
	prompter := silentPrompter{make(chan struct{}, 8)}
	if err := conn.Export(prompter, "/org/gnome/keyring/Prompter", "org.gnome.keyring.internal.Prompter"); err != nil {
		t.Fatal(err)
	}
	if reply, err := conn.RequestName("org.gnome.keyring.SystemPrompter", 0); err != nil || reply != dbus.RequestNameReplyPrimaryOwner {
		t.Fatalf("own the prompter's name: %v, %v", reply, err)
	}
	return prompter
}

// A prompt that nobody answers is bounded by the context, and doesn't harm the
// keyring.
func TestKeyringTokenStore_NobodyAnswers(t *testing.T) {
	t.Parallel()
	server := startOwn(t)
	s := at("x", server.bus)
	set(t, s, "name", value)
	keyring := server.pid(t, destination)
	server.talk(t, func(conn *dbus.Conn) {
		prompter := newPrompter(t, conn)
		server.lock(t)
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error)
		go func() { done <- s.Set(ctx, "name", "new "+value) }()
		select {
		case <-prompter.asked: // the prompt is shown
		case err := <-done:
			t.Fatalf("it did not wait for an answer: %v", err)
		}
		cancel()
		wantError(t, <-done, core.CodeCanceled, "")
		for name, call := range map[string]func(context.Context) error{ // these wait behind that prompt
			"Get":    func(ctx context.Context) error { _, err := s.Get(ctx, "name"); return err },
			"Set":    func(ctx context.Context) error { return s.Set(ctx, "name", "new "+value) },
			"Delete": func(ctx context.Context) error { return s.Delete(ctx, "name") },
			"List":   func(ctx context.Context) error { _, err := s.List(ctx); return err },
		} {
			ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
			wantError(t, call(ctx), core.CodeTimeout, strings.ToLower(name))
			cancel()
		}
	})
	if again := server.pid(t, destination); again != keyring {
		t.Errorf("the keyring was process %d, now it is %d", keyring, again)
	}

	// A keyring that exits while it prompts takes the prompt with it.
	server.talk(t, func(conn *dbus.Conn) {
		prompter := newPrompter(t, conn)
		done := make(chan error)
		go func() { _, err := s.Get(t.Context(), "name"); done <- err }()
		<-prompter.asked
		if err := syscall.Kill(keyring, syscall.SIGKILL); err != nil {
			t.Fatal(err)
		}
		wantError(t, <-done, core.CodeUnavailable, "the keyring went away")
	})
	server.Restart(t)
	wantValue(t, s, "name", value)
}

// A connection cut at any point causes an error, and the value is the old or
// the new one.
func TestKeyringTokenStore_ConnectionCut(t *testing.T) {
	t.Parallel()
	server := startOwn(t)
	proxy := newCutter(t, server.socket(t))
	direct, cut := at("x", server.bus), at("x", proxy.address)
	const unlimited = 1 << 30
	proxy.cutAfter(unlimited)
	set(t, cut, "name", "whole")
	want := "whole"
	failures := 0
	for limit := 0; ; limit += 41 {
		proxy.cutAfter(limit)
		next := fmt.Sprint("after ", limit)
		err := cut.Set(t.Context(), "name", next)
		got, getErr := direct.Get(t.Context(), "name")
		if getErr != nil {
			t.Fatal(getErr)
		}
		if err == nil {
			if got != next {
				t.Errorf("cut after %d bytes: acknowledged, but the value is %q", limit, got)
			}
			break // everything it sends got through
		}
		failures++
		wantError(t, err, core.CodeUnavailable, "")
		if got != want && got != next {
			t.Errorf("cut after %d bytes: the value is %q", limit, got)
		}
		want = got
	}
	if failures < 10 {
		t.Errorf("it was cut only %d times", failures)
	}
}

// A keyring or a bus that has stopped answering blocks a call until its context
// ends, and no longer; also a large write.
func TestKeyringTokenStore_Frozen(t *testing.T) {
	t.Parallel()
	for _, who := range []string{destination, "org.freedesktop.DBus"} {
		t.Run(who, func(t *testing.T) {
			t.Parallel()
			server := startOwn(t)
			s := at("x", server.bus)
			set(t, s, "name", "old")
			pid := server.pid(t, who)
			signal := func(signal syscall.Signal) {
				if err := syscall.Kill(pid, signal); err != nil {
					t.Fatal(err)
				}
			}
			signal(syscall.SIGSTOP)
			large := strings.Repeat(value, 1_000_000/len(value))
			for _, call := range []func(context.Context) error{
				func(ctx context.Context) error { _, err := s.Get(ctx, "name"); return err },
				func(ctx context.Context) error { return s.Set(ctx, "large", large) },
			} {
				ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
				wantError(t, call(ctx), core.CodeTimeout, "deadline")
				cancel()
			}
			signal(syscall.SIGCONT)
			wantValue(t, s, "name", "old")
		})
	}
}

// The keyring's own disk is full: everything acknowledged is there after a
// restart, and a value that could not be kept is an error.
func TestKeyringTokenStore_FullDisk(t *testing.T) {
	t.Parallel()
	server := startOwn(t)
	s := at("x", server.bus)
	set(t, s, "before", value)
	dir := server.data(t)
	// The daemon must not see a moment without its files, in which it would
	// forget the keyring: they are on the small disk before that takes their
	// place.
	small := t.TempDir()
	switch err := syscall.Mount("tmpfs", small, "tmpfs", 0, "size=256k,mode=0700"); {
	case errors.Is(err, syscall.EPERM) && os.Getuid() != 0:
		t.Skip("only root can mount a small disk under a keyring that runs")
	case err != nil:
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(small, 0); err != nil {
			t.Error(err)
		}
	})
	if err := os.CopyFS(small, os.DirFS(dir)); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Mount(small, dir, "", syscall.MS_BIND, ""); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		server.Stop(t)
		if err := syscall.Unmount(dir, 0); err != nil {
			t.Error(err)
		}
	})
	kept := []string{"before"}
	large := strings.Repeat("x", 20_000)
	for i := range 100 {
		name := fmt.Sprint("name ", i)
		err := s.Set(t.Context(), name, large)
		if err != nil {
			wantError(t, err, core.CodeUnavailable, "")
			break
		}
		kept = append(kept, name)
	}
	if len(kept) < 2 || len(kept) > 100 {
		t.Fatalf("%d were kept: the disk did not fill up in between", len(kept))
	}
	server.Kill(t)
	server.Restart(t)
	wantValue(t, s, "before", value)
	for _, name := range kept[1:] {
		wantValue(t, s, name, large)
	}
}

// Several processes write at once, and some are killed in the middle of it: the
// keyring has what was acknowledged.
func TestKeyringTokenStore_ProcessesKilled(t *testing.T) {
	servers.Keyring(t)
	t.Parallel()
	service := newService(t)
	writertest.Killed(t, func(prefix string, names int) writertest.Process {
		return startWriter(t, service, prefix, names)
	}, func() token.TokenStore { return mustStore(t, service) })
}

// writer is a running childWrite.
type writer struct {
	t     *testing.T
	cmd   *exec.Cmd
	lines *bufio.Scanner
}

func startWriter(t *testing.T, service, prefix string, names int) *writer {
	t.Helper()
	cmd := child(t, "write", service, prefix, strconv.Itoa(names))
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	return &writer{t, cmd, bufio.NewScanner(out)}
}

func (w *writer) Line() (string, bool) {
	ok := w.lines.Scan()
	return w.lines.Text(), ok
}

func (w *writer) Kill() {
	if err := w.cmd.Process.Kill(); err != nil {
		w.t.Error(err)
	}
}

func (w *writer) Wait() (killed bool) { return w.cmd.Wait() != nil }
