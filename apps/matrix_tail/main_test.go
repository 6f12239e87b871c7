//go:build unix

package main

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"maunium.net/go/mautrix"
	"maunium.net/go/mautrix/event"
	"maunium.net/go/mautrix/id"

	"fnregistry.dev/tools/testenv/testkit/servers"
)

// TestMain also acts as the program.
func TestMain(m *testing.M) {
	if os.Getenv("MATRIX_TAIL_TEST") != "" {
		main()
	}
	os.Exit(m.Run())
}

// person is a user with a matrix_tail.
type person struct {
	servers.User
	env     []string
	keyring bool // secrets are in the system's keyring; else in a file
}

// loggedIn makes a user who is logged in, with the secrets in the keyring,
// which is quicker than a file with a passphrase.
func loggedIn(t *testing.T, name string) person {
	t.Helper()
	servers.Keyring(t)
	p := newPerson(t, name)
	p.keyring = true
	p.run(t, p.Password+"\n", "login")
	return p
}

// api is a client of the user, for what others do.
func (p person) api(t *testing.T) *mautrix.Client {
	t.Helper()
	client, err := mautrix.NewClient(servers.Matrix(t).URL, id.UserID(p.ID), p.AccessToken)
	if err != nil {
		t.Fatal(err)
	}
	return client
}

// newRoom makes a room of this person that the others have joined.
func (p person) newRoom(t *testing.T, encrypted bool, others ...person) string {
	t.Helper()
	request := &mautrix.ReqCreateRoom{Preset: "public_chat"}
	if encrypted {
		content := event.Content{Parsed: &event.EncryptionEventContent{Algorithm: id.AlgorithmMegolmV1}}
		request.InitialState = []*event.Event{{Type: event.StateEncryption, Content: content}}
	}
	room, err := p.api(t).CreateRoom(t.Context(), request)
	if err != nil {
		t.Fatal(err)
	}
	for _, other := range others {
		if _, err := other.api(t).JoinRoomByID(t.Context(), room.RoomID); err != nil {
			t.Fatal(err)
		}
	}
	return string(room.RoomID)
}

// inHistory waits until the server shows an event in its room's history:
// Dendrite answers a send earlier.
func (p person) inHistory(t *testing.T, room, eventID string) {
	t.Helper()
	api := p.api(t)
	waitFor(t, eventID+" in the room's history", func() bool {
		page, err := api.Messages(t.Context(), id.RoomID(room), "", "", mautrix.DirectionBackward, nil, 100)
		if err != nil {
			t.Fatal(err)
		}
		return slices.ContainsFunc(page.Chunk, func(e *event.Event) bool { return string(e.ID) == eventID })
	})
}

func newPerson(t *testing.T, name string) person {
	t.Helper()
	home := servers.Matrix(t)
	user := home.NewUser(t, name)
	dir := t.TempDir()
	return person{User: user, env: append(os.Environ(), "MATRIX_TAIL_TEST=1", "MATRIX_TAIL_USER="+user.ID, "MATRIX_TAIL_HOMESERVER="+home.URL,
		"HOME="+dir, "XDG_CONFIG_HOME="+dir, "MATRIX_TAIL_PASSPHRASE=open sesame", "SHELL=/bin/sh")}
}

// command returns the program with its secrets in a file, detached from the
// test's terminal.
func (p person) command(ctx context.Context, args ...string) *exec.Cmd {
	if !p.keyring {
		args = append([]string{"--token-store", p.tokens()}, args...)
	}
	cmd := exec.CommandContext(ctx, os.Args[0], args...)
	cmd.Env = p.env
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	return cmd
}

func (p person) tokens() string { return filepath.Join(p.folder(), "secrets.age") }

// folder is the person's own.
func (p person) folder() string {
	for _, v := range p.env {
		if dir, ok := strings.CutPrefix(v, "XDG_CONFIG_HOME="); ok && strings.Contains(dir, "Test") {
			return dir
		}
	}
	panic("no folder")
}

// run returns the output of the program, which must not fail.
func (p person) run(t *testing.T, stdin string, args ...string) string {
	t.Helper()
	cmd := p.command(t.Context(), args...)
	cmd.Stdin = strings.NewReader(stdin)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%q: %v\n%s%s", args, err, out, &stderr)
	}
	return strings.TrimSpace(string(out))
}

// fails checks the exit status and what is said, and returns it.
func (p person) fails(t *testing.T, status int, want string, args ...string) string {
	t.Helper()
	return p.failsWith(t, "", status, want, args...)
}

func (p person) failsWith(t *testing.T, stdin string, status int, want string, args ...string) string {
	t.Helper()
	cmd := p.command(t.Context(), args...)
	cmd.Stdin = strings.NewReader(stdin)
	out, err := cmd.CombinedOutput()
	exit, ok := errors.AsType[*exec.ExitError](err)
	if !ok || exit.ExitCode() != status || !strings.Contains(string(out), want) {
		t.Errorf("%q: %v, want %d and %q\n%s", args, err, status, want, out)
	}
	return string(out)
}

// follows runs follow until all of want was printed, interrupts it, and returns
// its output.
func (p person) follows(t *testing.T, room string, want ...string) string {
	t.Helper()
	return p.followsAll(t, []string{room}, want...)
}

// followsAll is follows with any arguments.
func (p person) followsAll(t *testing.T, args []string, want ...string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	cmd := p.command(ctx, append([]string{"follow"}, args...)...)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	var printed strings.Builder
	buffer := make([]byte, 4096)
	for missing := true; missing; {
		n, err := out.Read(buffer)
		if err != nil {
			t.Fatalf("%v\n%s%s", err, printed.String(), &stderr)
		}
		printed.Write(buffer[:n])
		missing = false
		for _, text := range want {
			missing = missing || !strings.Contains(printed.String(), text)
		}
	}
	if err := cmd.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	rest, _ := io.ReadAll(out)
	printed.Write(rest)
	if err := cmd.Wait(); err != nil {
		t.Errorf("after Ctrl-C: %v\n%s", err, &stderr)
	}
	return printed.String()
}

func TestMatrixTail_Conversation(t *testing.T) {
	t.Parallel()
	alice, bob := loggedIn(t, "alice"), loggedIn(t, "bob")
	client, err := mautrix.NewClient(servers.Matrix(t).URL, id.UserID(alice.ID), alice.AccessToken)
	if err != nil {
		t.Fatal(err)
	}
	create := func(name string, state ...*event.Event) string {
		room, err := client.CreateRoom(
			t.Context(),
			&mautrix.ReqCreateRoom{Name: name, Preset: "public_chat", InitialState: state},
		)
		if err != nil {
			t.Fatal(err)
		}
		other, err := mautrix.NewClient(servers.Matrix(t).URL, id.UserID(bob.ID), bob.AccessToken)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := other.JoinRoomByID(t.Context(), room.RoomID); err != nil {
			t.Fatal(err)
		}
		return string(room.RoomID)
	}
	open := create("Open")
	secret := create("Secret\x1b[31m", &event.Event{Type: event.StateEncryption, Content: event.Content{Parsed: &event.EncryptionEventContent{Algorithm: id.AlgorithmMegolmV1}}})

	waitFor(t, "rooms with their members", func() bool { // Dendrite shows them a moment later
		rooms := alice.run(t, "", "rooms")
		return strings.Contains(rooms, open+"  Open  2 members\n") && strings.Contains(rooms, secret+"  Secret [31m  2 members, encrypted")
	})
	for _, room := range []string{open, secret} {
		first := alice.run(t, "", "send", room, "hello", "**world**")
		bob.follows(t, room, "hello **world**  "+first)
		answer := bob.run(t, "", "answer", room, first, "in a thread")
		printed := alice.follows(t, room, "in thread "+first+": in a thread  "+answer)
		if !strings.Contains(printed, bob.ID) {
			t.Errorf("alice saw %q", printed)
		}
		second := alice.run(t, "", "send", room, "again")
		if printed := bob.follows(t, room, second); strings.Contains(printed, first+"\n") {
			t.Errorf("bob saw old messages again: %q", printed)
		}
	}
}

func TestMatrixTail_WrongInput(t *testing.T) {
	t.Parallel()
	p := newPerson(t, "me")
	p.fails(t, 77, "hint: log in first: matrix_tail login", "rooms")
	p.fails(t, 64, "no terminal to prompt on", "login")
	p.fails(t, 64, "-1s is less than 0s", "rooms", "--wait", "-1s")
	if out := p.run(t, p.Password+"\n", "login"); !strings.Contains(out, p.ID+" is logged in on device ") {
		t.Fatalf("login printed %q", out)
	}
	p.fails(t, 66, "M_NOT_FOUND", "send", "#nowhere", "hi")
	p.fails(t, 64, "names no room", "follow", "nowhere")
	p.fails(t, 73, "M_FORBIDDEN", "send", "!nowhere:localhost", "hi") // parked
	p.fails(t, 64, "matrix_tail send needs ROOM TEXT...", "send", "#nowhere")
	p.fails(t, 64, "did you mean send?", "sned")
	p.fails(t, 64, "unknown flag", "rooms", "--al")
	wrong := p
	wrong.env = append(p.env, "MATRIX_TAIL_PASSPHRASE=wrong")
	wrong.fails(t, 77, "passphrase", "rooms")
	p.env = append(p.env, "MATRIX_TAIL_HOMESERVER=http://127.0.0.1:1")
	p.fails(t, 69, "connection refused", "rooms")
}

// onTerminal runs a shell's line with a terminal, answers its questions in
// order, and returns what the screen shows.
func (p person) onTerminal(t *testing.T, line string, questions [][2]string) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "script", "-qec", line, "/dev/null")
	cmd.Env = p.env
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	var screen strings.Builder
	one := make([]byte, 1)
	for _, question := range questions {
		for !strings.HasSuffix(screen.String(), question[0]+": ") {
			if _, err := out.Read(one); err != nil {
				t.Fatalf("%v\n%s", err, screen.String())
			}
			screen.Write(one)
		}
		if _, err := io.WriteString(in, question[1]+"\r"); err != nil {
			t.Fatal(err)
		}
	}
	rest, _ := io.ReadAll(out)
	screen.Write(rest)
	if err := cmd.Wait(); err != nil {
		t.Errorf("%v\n%s", err, screen.String())
	}
	for _, question := range questions {
		if strings.Contains(screen.String(), question[1]) {
			t.Errorf("the %s was shown: %s", question[0], screen.String())
		}
	}
	return screen.String()
}

// On a terminal the password is asked for and not shown, and the token is in
// the system's keyring.
func TestMatrixTail_TerminalAndKeyring(t *testing.T) {
	t.Parallel()
	servers.Keyring(t)
	p := newPerson(t, "me")
	line := os.Args[0] + " login && " + os.Args[0] + " rooms && echo done"
	screen := p.onTerminal(t, line, [][2]string{{"password of " + p.ID, p.Password}})
	if !strings.Contains(screen, "is logged in on device") || !strings.HasSuffix(screen, "done\r\n") {
		t.Error(screen)
	}
}
