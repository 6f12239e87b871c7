//go:build unix

package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"maunium.net/go/mautrix"
	"maunium.net/go/mautrix/event"
	"maunium.net/go/mautrix/id"

	"fnregistry.dev/functions/infra/sqlite/sqliteopen"
	"fnregistry.dev/tools/testenv/testkit/servers"
)

// patience is how long a test waits for what must come.
const patience = 2 * time.Minute

// following is a follow that runs.
type following struct {
	t   *testing.T
	cmd *exec.Cmd

	mu      sync.Mutex
	printed strings.Builder
	stderr  strings.Builder
	news    chan struct{}
	ended   chan error
}

func (p person) startFollow(t *testing.T, room string) *following {
	t.Helper()
	f := &following{t: t, cmd: p.command(t.Context(), "follow", room), news: make(chan struct{}, 1), ended: make(chan error, 1)}
	f.cmd.Stderr = &f.stderr // read after its end
	out, err := f.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := f.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		for lines := bufio.NewReader(out); ; {
			line, err := lines.ReadString('\n')
			f.mu.Lock()
			f.printed.WriteString(line)
			f.mu.Unlock()
			select {
			case f.news <- struct{}{}:
			default:
			}
			if err != nil {
				if err != io.EOF {
					f.t.Errorf("read what follow prints: %v", err)
				}
				f.ended <- f.cmd.Wait()
				return
			}
		}
	}()
	t.Cleanup(func() {
		f.signal(syscall.SIGKILL)
		select {
		case <-f.ended:
		case <-time.After(patience):
			t.Error("the follow does not end")
		}
	})
	return f
}

func (f *following) signal(signal syscall.Signal) {
	if err := f.cmd.Process.Signal(signal); err != nil && !errors.Is(err, os.ErrProcessDone) {
		f.t.Error(err)
	}
}

// stop stops the process where it does not hold the database's lock.
func (f *following) stop(p person) {
	f.t.Helper()
	db, err := sqliteopen.SQLiteOpen(f.t.Context(), sqliteopen.SQLiteOpenConfig{Path: p.state(), BusyTimeout: -1})
	if err != nil {
		f.t.Fatal(err)
	}
	defer db.Close()
	for {
		f.signal(syscall.SIGSTOP)
		var status syscall.WaitStatus
		if _, err := syscall.Wait4(f.cmd.Process.Pid, &status, syscall.WUNTRACED, nil); err != nil || !status.Stopped() {
			f.t.Fatalf("it is not stopped: %v, %v", status, err)
		}
		tx, err := db.Writer.BeginTx(f.t.Context(), nil)
		if err == nil {
			if err := tx.Rollback(); err != nil {
				f.t.Fatal(err)
			}
			return
		}
		f.signal(syscall.SIGCONT)
	}
}

// wait waits for the end, and returns the exit code and what was said.
func (f *following) wait() (code int, said string) {
	f.t.Helper()
	select {
	case err := <-f.ended:
		f.ended <- err
		return f.cmd.ProcessState.ExitCode(), f.stderr.String()
	case <-time.After(patience):
		f.t.Fatal("the follow does not end")
		return 0, ""
	}
}

// until waits until all texts were printed.
func (f *following) until(texts ...string) {
	f.t.Helper()
	deadline := time.After(patience)
	for {
		f.mu.Lock()
		printed := f.printed.String()
		f.mu.Unlock()
		var missing []string
		for _, text := range texts {
			if !strings.Contains(printed, text) {
				missing = append(missing, text)
			}
		}
		if len(missing) == 0 {
			return
		}
		select {
		case <-f.news:
		case <-deadline:
			f.t.Fatalf("not printed: %q, but\n%s", missing, printed)
		}
	}
}

func (f *following) count(text string) int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return strings.Count(f.printed.String(), text)
}

// beside is an encrypted room of two users, each with a matrix_tail that
// follows it.
type beside struct {
	alice, bob             person
	room                   string
	aliceFollow, bobFollow *following
}

func newBeside(t *testing.T) beside {
	t.Helper()
	servers.Keyring(t)
	b := beside{alice: newPerson(t, "alice"), bob: newPerson(t, "bob")}
	for _, p := range []*person{&b.alice, &b.bob} {
		p.keyring = true
		p.run(t, p.Password+"\n", "login")
	}
	client := func(p person) *mautrix.Client {
		client, err := mautrix.NewClient(servers.Matrix(t).URL, id.UserID(p.ID), p.AccessToken)
		if err != nil {
			t.Fatal(err)
		}
		return client
	}
	encryption := &event.EncryptionEventContent{Algorithm: id.AlgorithmMegolmV1}
	room, err := client(b.alice).CreateRoom(t.Context(), &mautrix.ReqCreateRoom{
		Preset: "public_chat", InitialState: []*event.Event{{Type: event.StateEncryption, Content: event.Content{Parsed: encryption}}},
	})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := client(b.bob).JoinRoomByID(t.Context(), room.RoomID); err != nil {
		t.Fatal(err)
	}
	b.room = string(room.RoomID)
	b.alice.run(t, "", "send", b.room, "alone")
	b.bobFollow = b.bob.startFollow(t, b.room)
	b.bobFollow.until("  alone  $")
	b.aliceFollow = b.alice.startFollow(t, b.room)
	b.aliceFollow.until("  alone  $")
	return b
}

func (p person) state() string {
	return filepath.Join(filepath.Dir(p.tokens()), "matrix_tail", "state.db")
}

// untilQueued waits until so many messages are in the queue on disk.
func (p person) untilQueued(t *testing.T, want int) {
	t.Helper()
	db, err := sqliteopen.SQLiteOpen(t.Context(), sqliteopen.SQLiteOpenConfig{Path: p.state(), ReadOnly: true})
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); time.Sleep(10 * time.Millisecond) {
		var queued int
		if err := db.Reader.QueryRowContext(t.Context(), "SELECT count(*) FROM matrix_outbox WHERE state = 0").Scan(&queued); err != nil {
			t.Fatal(err)
		}
		if queued == want {
			return
		}
	}
	t.Fatalf("there are not %d messages in the queue", want)
}

// A send beside a follow has the follow send the message, and says the same as
// alone: everybody can read all of them.
func TestMatrixTail_SendBesideFollow(t *testing.T) {
	t.Parallel()
	b := newBeside(t)
	const senders, each = 4, 6
	var lines [senders * each]string // as the other sees them
	var sends sync.WaitGroup
	for n := range senders {
		sends.Go(func() {
			for i := n * each; i < (n+1)*each; i++ {
				text := fmt.Sprintf("message %02d", i)
				out, err := b.alice.command(t.Context(), "send", b.room, text).CombinedOutput()
				if err != nil || !strings.HasPrefix(string(out), "$") {
					t.Errorf("send: %v\n%s", err, out)
				}
				lines[i] = "  " + text + "  " + strings.TrimSpace(string(out)) + "\n"
			}
		})
	}
	sends.Wait()
	if t.Failed() {
		t.FailNow()
	}
	b.bobFollow.until(lines[:]...)
	b.aliceFollow.until(lines[:]...)
	first := b.bob.run(t, "", "send", b.room, "from the other side")
	b.alice.run(t, "", "answer", b.room, first, "in a thread")
	b.bobFollow.until("in thread " + first + ": in a thread")
	for i := range lines {
		if text := fmt.Sprintf("  message %02d  ", i); b.bobFollow.count(text) != 1 {
			t.Errorf("%q came %d times", text, b.bobFollow.count(text))
		}
	}
	if out := b.alice.run(t, "", "rooms"); !strings.Contains(out, b.room) {
		t.Errorf("rooms printed %q", out)
	}
	b.alice.fails(t, 73, "matrix_tail runs already, as process "+strconv.Itoa(b.aliceFollow.cmd.Process.Pid), "follow", b.room)
}

// A follow that stands still sends nothing. When it is killed, the send beside
// it takes over.
func TestMatrixTail_FollowKilled(t *testing.T) {
	t.Parallel()
	b := newBeside(t)
	b.aliceFollow.stop(b.alice)
	b.alice.fails(t, 75, "stays in the queue", "send", b.room, "first", "--wait", "100ms")
	send := b.alice.command(t.Context(), "send", b.room, "second")
	var out strings.Builder
	send.Stdout, send.Stderr = &out, &out
	if err := send.Start(); err != nil {
		t.Fatal(err)
	}
	b.alice.untilQueued(t, 2)
	b.aliceFollow.signal(syscall.SIGKILL)
	if err := send.Wait(); err != nil || !strings.HasPrefix(out.String(), "$") {
		t.Errorf("send: %v\n%s", err, &out)
	}
	b.bobFollow.until("  first  $", "  second  "+strings.TrimSpace(out.String()))
}

// A follow that goes on sends what was put in meanwhile.
func TestMatrixTail_FollowGoesOn(t *testing.T) {
	t.Parallel()
	b := newBeside(t)
	b.aliceFollow.stop(b.alice)
	b.alice.fails(t, 75, "stays in the queue", "send", b.room, "meanwhile", "--wait", "0s")
	b.aliceFollow.signal(syscall.SIGCONT)
	b.bobFollow.until("  meanwhile  $")
}

// A follow whose keys were taken over while it stood still, since somebody
// removed its lock, ends with an error and spoils nothing.
func TestMatrixTail_StaleFollow(t *testing.T) {
	t.Parallel()
	b := newBeside(t)
	b.aliceFollow.stop(b.alice)
	if err := os.Remove(b.alice.state() + ".crypto.lock"); err != nil {
		t.Fatal(err)
	}
	b.alice.run(t, "", "send", b.room, "one")
	b.bob.run(t, "", "send", b.room, "to alice")
	b.aliceFollow.signal(syscall.SIGCONT)
	if code, said := b.aliceFollow.wait(); code != 73 || !strings.Contains(said, "taken") {
		t.Errorf("the follow ended with %d\n%s", code, said)
	}
	b.alice.run(t, "", "send", b.room, "two")
	b.bobFollow.until("  one  $", "  two  $")
	again := b.alice.startFollow(t, b.room)
	again.until("  to alice  $", "  two  $")
}
