//go:build unix

package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"maunium.net/go/mautrix"
	"maunium.net/go/mautrix/id"

	"fnregistry.dev/functions/infra/program"
)

// objects reads NDJSON.
func objects(t *testing.T, text string) []map[string]any {
	t.Helper()
	var all []map[string]any
	for line := range strings.Lines(text) {
		var object map[string]any
		if err := json.Unmarshal([]byte(line), &object); err != nil {
			t.Fatalf("%v in %q", err, line)
		}
		all = append(all, object)
	}
	return all
}

// withField are the objects that have this value.
func withField(all []map[string]any, field string, value any) []map[string]any {
	return slices.DeleteFunc(all, func(o map[string]any) bool { return o[field] != value })
}

// Invitations are listed, accepted, by name or all, and declined.
func TestMatrixTail_JoinAndLeave(t *testing.T) {
	t.Parallel()
	alice, bob := loggedIn(t, "alice"), loggedIn(t, "bob")
	invite := func() string {
		t.Helper()
		room, err := alice.api(t).CreateRoom(t.Context(), &mautrix.ReqCreateRoom{
			Name: "Party\u202e\x1b[2J", Preset: "private_chat", Invite: []id.UserID{id.UserID(bob.ID)},
		})
		if err != nil {
			t.Fatal(err)
		}
		waitFor(t, "invitation", func() bool { // Dendrite shows it a moment later
			return strings.Contains(bob.run(t, "", "rooms"), string(room.RoomID))
		})
		return string(room.RoomID)
	}
	first := invite()
	if out := bob.run(t, "", "rooms"); !strings.Contains(out, first+"  Party [2J  ") || !strings.Contains(out, "  invited by "+alice.ID) {
		t.Errorf("rooms printed %q", out)
	}
	out := bob.run(t, "", "rooms", "--json")
	if strings.ContainsAny(out, "\u202e\x1b") {
		t.Errorf("JSON that steers a terminal: %q", out)
	}
	if room := objects(t, out)[0]; room["room_id"] != first || room["title"] != "Party\u202e\x1b[2J" || room["invited"] != true || room["inviter"] != alice.ID {
		t.Errorf("%v", room)
	}
	if out := bob.run(t, "", "join", first); out != "joined "+first {
		t.Errorf("join printed %q", out)
	}
	second, third := invite(), invite()
	bob.run(t, "", "leave", third)
	if out := bob.run(t, "", "join", "--invited", "--json"); len(objects(t, out)) != 1 || objects(t, out)[0]["room_id"] != second {
		t.Errorf("join --invited printed %q", out)
	}
	bob.run(t, "", "leave", first, second)
	waitFor(t, "end of the rooms that were left", func() bool { return bob.run(t, "", "rooms") == "" })
	bob.fails(t, 77, "M_FORBIDDEN", "join", alice.newPrivate(t))
	bob.fails(t, 64, "either rooms or --invited", "join")
	bob.fails(t, 64, "either rooms or --invited", "join", first, "--invited")
}

func (p person) newPrivate(t *testing.T) string {
	t.Helper()
	room, err := p.api(t).CreateRoom(t.Context(), &mautrix.ReqCreateRoom{Preset: "private_chat"})
	if err != nil {
		t.Fatal(err)
	}
	return string(room.RoomID)
}

// follow prints the rooms that are named, by whatever name, and no others.
func TestMatrixTail_FollowSeveral(t *testing.T) {
	t.Parallel()
	alice, bob := loggedIn(t, "alice"), loggedIn(t, "bob")
	one, two, other := alice.newRoom(t, false, bob), alice.newRoom(t, true, bob), alice.newRoom(t, false, bob)
	alias := "#" + fmt.Sprint("follow", time.Now().UnixNano())
	full := alias + ":" + id.UserID(alice.ID).Homeserver()
	if _, err := alice.api(t).CreateAlias(t.Context(), id.RoomAlias(full), id.RoomID(one)); err != nil {
		t.Fatal(err)
	}
	if err := bob.api(t).SetDisplayName(t.Context(), "Bob\u202e \x1b[31m  @eve:x"); err != nil {
		t.Fatal(err)
	}
	hidden := bob.run(t, "", "send", other, "not for you")
	first := bob.run(t, "", "send", alias, "to the first")
	second := bob.run(t, "", "send", two, "to the second")
	// The key may come after the event: then it comes once more, decrypted.
	printed := alice.followsAll(t, []string{alias, two}, first, "to the second  "+second)
	for _, want := range []string{
		"[" + alias + "]  " + bob.ID + " (Bob [31m @eve:x)  to the first  " + first + "\n",
		"[" + two + "]  " + bob.ID + " (Bob [31m @eve:x)  to the second  " + second + "\n",
	} {
		if !strings.Contains(printed, want) {
			t.Errorf("%q lacks %q", printed, want)
		}
	}
	if strings.Contains(printed, hidden) {
		t.Errorf("another room's event was printed: %q", printed)
	}
	third := bob.run(t, "", "send", two, "as an object")
	all := objects(t, alice.followsAll(t, []string{two, full, "--json"}, `"body":"as an object"`)) // the same rooms, so it goes on
	if len(withField(slices.Clone(all), "event_id", first)) != 0 {
		t.Error("an event came again")
	}
	evt := withField(withField(all, "event_id", third), "kind", nil)
	if len(evt) != 1 || evt[0]["body"] != "as an object" || evt[0]["encrypted"] != true || evt[0]["sender"] != bob.ID || evt[0]["room_id"] != two {
		t.Fatalf("%v", evt)
	}
	if evt[0]["sender_name"] != "Bob\u202e \x1b[31m  @eve:x" || evt[0]["trust"] != "unverified" || evt[0]["event"] == nil {
		t.Errorf("%v", evt[0])
	}
	if printed := alice.followsAll(t, nil, first, second, hidden); !strings.Contains(printed, "["+one+" Bob [31m @eve:x]") {
		t.Errorf("all rooms: %q", printed)
	}
}

// stdin is one message, or one for each line.
func TestMatrixTail_Stdin(t *testing.T) {
	t.Parallel()
	p := loggedIn(t, "me")
	room := p.newRoom(t, true)
	p.run(t, "two\n*lines*\n\n", "send", room, "-")
	events := strings.Fields(p.run(t, "one\n\n  \n*two*\nthree", "send", room, "-", "--lines", "--plain", "--notice"))
	if len(events) != 3 {
		t.Fatalf("printed %q", events)
	}
	p.inHistory(t, room, p.run(t, "in a thread\n", "answer", room, events[0], "-"))
	messages := withField(objects(t, p.run(t, "", "history", room, "--json")), "type", "m.room.message")
	var got []string
	for _, message := range messages {
		got = append(got, fmt.Sprint(message["msgtype"], ": ", message["body"]))
	}
	want := []string{"m.text: two\n*lines*", "m.notice: one", "m.notice: *two*", "m.notice: three", "m.text: in a thread"}
	if !slices.Equal(got, want) {
		t.Errorf("sent %q", got)
	}
	content := func(n int) map[string]any { return messages[n]["event"].(map[string]any)["content"].(map[string]any) }
	if content(0)["format"] == nil || content(2)["format"] != nil {
		t.Errorf("Markdown: %v, %v", content(0), content(2))
	}
	if messages[4]["thread_root"] != events[0] {
		t.Errorf("%v", messages[4])
	}
	p.failsWith(t, " \n", 64, "stdin is empty", "send", room, "-")
	p.failsWith(t, strings.Repeat("x", 70_000), 65, "--lines", "send", room, "-")
	p.failsWith(t, "ok\n"+strings.Repeat("x", 70_000), 65, "line 2 has more", "send", room, "-", "--lines")
	p.fails(t, 64, `give "-"`, "send", room, "text", "--lines")
}

func TestMatrixTail_EditReactRedact(t *testing.T) {
	t.Parallel()
	alice, bob := loggedIn(t, "alice"), loggedIn(t, "bob")
	for _, encrypted := range []bool{false, true} {
		room := alice.newRoom(t, encrypted, bob)
		first := alice.run(t, "", "send", room, "frist")
		edited := alice.run(t, "", "edit", room, first, "first")
		again := alice.run(t, "", "edit", room, edited, "first!") // an edit of the edit is one of the message
		reaction := bob.run(t, "", "react", room, first, "👍")
		bob.fails(t, 77, "only its sender can edit it", "edit", room, first, "mine")
		bob.fails(t, 66, "no such reaction", "react", room, first, "👎", "--remove")
		removed := bob.run(t, "", "react", room, first, "👍", "--remove")
		gone := alice.run(t, "", "send", room, "a mistake")
		redaction := alice.run(t, "", "redact", room, gone, "not", "here")
		printed := bob.follows(t, room, redaction)
		for _, want := range []string{
			"edits " + first + ": first  " + edited, "edits " + first + ": first!  " + again,
			"takes back " + reaction + "  " + removed, "takes back " + gone + ": not here  " + redaction,
		} {
			if !strings.Contains(printed, want) {
				t.Errorf("encrypted %t: %q lacks %q", encrypted, printed, want)
			}
		}
		for _, emptied := range []string{gone, reaction} {
			if regexp.MustCompile(`(?m)  ` + regexp.QuoteMeta(emptied) + `$`).MatchString(printed) {
				t.Errorf("encrypted %t: %q has a line for %s, which was redacted", encrypted, printed, emptied)
			}
		}
		if strings.Contains(bob.run(t, "", "history", room), "a mistake") {
			t.Error("what was redacted is still there")
		}
		bob.fails(t, 73, "M_FORBIDDEN", "redact", room, first)
	}
	alice.fails(t, 64, "no event ID", "edit", alice.newRoom(t, false), "first", "x")
	alice.fails(t, 64, "an event ID begins with $", "react", alice.newRoom(t, false), "first", "x")
	alice.fails(t, 66, "M_NOT_FOUND", "answer", alice.newRoom(t, false), "$nothing", "x")
}

// A file arrives as it was, under a safe name, and overwrites nothing.
func TestMatrixTail_Media(t *testing.T) {
	t.Parallel()
	alice, bob := loggedIn(t, "alice"), loggedIn(t, "bob")
	dir := t.TempDir()
	source := filepath.Join(dir, "source.bin")
	data := strings.Repeat("\x00\xffdata", 50_000)
	if err := os.WriteFile(source, []byte(data), 0o600); err != nil {
		t.Fatal(err)
	}
	wantFile := func(path, want string) {
		t.Helper()
		if got, err := os.ReadFile(path); err != nil || string(got) != want {
			t.Errorf("%s: %d bytes, %v", path, len(got), err)
		}
	}
	for _, encrypted := range []bool{false, true} {
		room, to := alice.newRoom(t, encrypted, bob), t.TempDir()
		evt := alice.run(t, "", "upload", room, source, "--name", "../../.bash\u202erc", "--caption", "look")
		path := filepath.Join(to, "_.._.._.bash_rc")
		if out := bob.run(t, "", "download", room, evt, "-o", to); out != path {
			t.Fatalf("encrypted %t: saved %q, want %q", encrypted, out, path)
		}
		wantFile(path, data)
		if err := os.WriteFile(path, []byte("precious"), 0o600); err != nil {
			t.Fatal(err)
		}
		bob.fails(t, 73, "--force", "download", room, evt, "-o", to)
		bob.fails(t, 73, "--force", "download", room, evt, "-o", path)
		wantFile(path, "precious")
		object := objects(t, bob.run(t, "", "download", room, evt, "-o", path, "--force", "--json"))[0]
		if object["path"] != path || object["size"] != float64(len(data)) || object["caption"] != "look" {
			t.Errorf("%v", object)
		}
		wantFile(path, data)
		piped := alice.run(t, "from a pipe", "upload", room, "-", "--name", "pipe.txt")
		if out := bob.run(t, "", "download", room, piped, "-o", "-"); out != "from a pipe" {
			t.Errorf("to stdout: %q", out)
		}
		text := alice.run(t, "", "send", room, "no file")
		bob.fails(t, 64, "the event has no file", "download", room, text)
		bob.fails(t, 66, "M_NOT_FOUND", "download", room, "$nothing")
	}
	large := filepath.Join(t.TempDir(), "large")
	if err := os.WriteFile(large, make([]byte, 2<<20), 0o600); err != nil {
		t.Fatal(err)
	}
	room := alice.newRoom(t, false, bob)
	evt := alice.run(t, "", "upload", room, large)
	bob.fails(t, 65, "--max-mb", "download", room, evt, "-o", dir, "--max-mb", "1")
	alice.fails(t, 66, "no such file", "upload", room, filepath.Join(dir, "none"))
	alice.fails(t, 64, "is a folder", "upload", room, dir)
	alice.fails(t, 64, "are for one file", "upload", room, source, large, "--name", "x")
}

// history pages back through a room, also by a device that never followed it.
func TestMatrixTail_History(t *testing.T) {
	t.Parallel()
	alice, bob := loggedIn(t, "alice"), loggedIn(t, "bob")
	for _, encrypted := range []bool{false, true} {
		room := alice.newRoom(t, encrypted, bob)
		sent := strings.Fields(alice.run(t, "1\n2\n3\n4\n5\n6\n7\n", "send", room, "-", "--lines"))
		alice.inHistory(t, room, sent[len(sent)-1])
		var got []string
		before := []string{}
		for range 10 {
			out := bob.run(t, "", append([]string{"history", room, "--limit", "3", "--json"}, before...)...)
			page := objects(t, out)
			if len(page) == 0 {
				break
			}
			if len(page) > 3 {
				t.Fatalf("%d events", len(page))
			}
			before = []string{"--before", page[0]["event_id"].(string)}
			var texts []string
			for _, message := range withField(page, "type", "m.room.message") {
				texts = append(texts, message["body"].(string))
			}
			got = append(texts, got...)
		}
		if strings.Join(got, "") != "1234567" {
			t.Errorf("encrypted %t: got %q", encrypted, got)
		}
	}
	room := alice.newRoom(t, false)
	alice.fails(t, 64, "10000", "history", room, "--limit", "10001")
	alice.fails(t, 64, "no event ID", "history", room, "--before", "yesterday")
	alice.fails(t, 66, "M_NOT_FOUND", "history", room, "--before", "$nothing")
}

// What the server refuses is reported once, listed without a network, and
// retried or dropped.
func TestMatrixTail_Outbox(t *testing.T) {
	t.Parallel()
	alice, bob := loggedIn(t, "alice"), loggedIn(t, "bob")
	room := alice.newPrivate(t)
	out := bob.fails(t, 73, "matrix_tail outbox lists parked messages", "send", room, "let me in\x1b")
	if strings.Count(out, "M_FORBIDDEN") != 1 {
		t.Errorf("an error that is told more than once: %s", out)
	}
	offline := bob
	offline.env = append(slices.Clone(bob.env), "MATRIX_TAIL_HOMESERVER=http://127.0.0.1:1")
	items := objects(t, offline.run(t, "", "outbox", "--json"))
	if len(items) != 1 || items[0]["state"] != "parked" || items[0]["body"] != "let me in\x1b" || items[0]["room_id"] != room {
		t.Fatalf("%v", items)
	}
	transaction := items[0]["transaction_id"].(string)
	if line := offline.run(t, "", "outbox"); !strings.Contains(line, "  parked  "+transaction+"  "+room+"  let me in   error: ") {
		t.Errorf("printed %q", line)
	}
	if out := bob.fails(t, 73, "M_FORBIDDEN", "retry"); strings.Count(out, "M_FORBIDDEN") != 1 {
		t.Errorf("an error that is told more than once: %s", out)
	}
	if _, err := alice.api(t).InviteUser(t.Context(), id.RoomID(room), &mautrix.ReqInviteUser{UserID: id.UserID(bob.ID)}); err != nil {
		t.Fatal(err)
	}
	bob.run(t, "", "join", room)
	event := bob.run(t, "", "retry", transaction)
	bob.inHistory(t, room, event)
	if printed := alice.run(t, "", "history", room); !strings.Contains(printed, "let me in   "+event) {
		t.Errorf("history printed %q", printed)
	}
	bob.fails(t, 73, "M_FORBIDDEN", "send", alice.newPrivate(t), "again")
	transaction = objects(t, bob.run(t, "", "outbox", "--json"))[0]["transaction_id"].(string)
	if words := offline.run(t, "", "__complete", "drop", ""); words != transaction+"\tagain\n:none" {
		t.Errorf("completion: %q", words)
	}
	if out := offline.run(t, "", "drop", transaction); out != "dropped "+transaction {
		t.Errorf("drop printed %q", out)
	}
	offline.fails(t, 66, "no such message", "drop", transaction)
	offline.fails(t, 66, "no such message", "retry", transaction)
	if out := offline.run(t, "", "outbox") + offline.run(t, "", "retry"); out != "" {
		t.Errorf("an empty queue: %q", out)
	}
}

// Keys and messages on the disk are for their user alone.
func TestMatrixTail_StateIsPrivate(t *testing.T) {
	t.Parallel()
	p := loggedIn(t, "me")
	folder := filepath.Join(p.folder(), "matrix_tail")
	state := filepath.Join(folder, "state.db")
	mode := func(path string, want os.FileMode) {
		t.Helper()
		if info, err := os.Stat(path); err != nil || info.Mode().Perm() != want {
			t.Errorf("%s: %v, %v, want %v", path, info.Mode(), err, want)
		}
	}
	mode(folder, 0o700)
	mode(state, 0o600)
	for path, open := range map[string]os.FileMode{folder: 0o755, state: 0o644} {
		if err := os.Chmod(path, open); err != nil {
			t.Fatal(err)
		}
	}
	p.run(t, "", "rooms")
	mode(folder, 0o700)
	mode(state, 0o600)
	mode(filepath.Join(folder, "rooms.json"), 0o600)
	shared := t.TempDir()
	if err := os.Chmod(shared, 0o755); err != nil {
		t.Fatal(err)
	}
	p.run(t, "", "outbox", "--state", shared)
	mode(shared, 0o755) // others may have files there
	mode(filepath.Join(shared, "state.db"), 0o600)
}

// The page has the settings as the program knows them, and all commands.
func TestMatrixTail_Page(t *testing.T) {
	t.Parallel()
	known := defaults()
	known.State = "" // depends on the user
	about, err := program.ProgramDescribe("matrix_tail", &known)
	if err != nil {
		t.Fatal(err)
	}
	page, err := os.ReadFile("../../docs/matrix_tail.md")
	if err != nil || !strings.Contains(string(page), about.Markdown()) {
		t.Errorf("docs/matrix_tail.md lacks this table: %v\n%s", err, about.Markdown())
	}
	p := newPerson(t, "me")
	p.keyring = true // and so without a flag in front
	words := p.run(t, "", "__complete", "")
	for word := range strings.Lines(words) {
		name, _, isCommand := strings.Cut(word, "\t")
		if general := []string{"help", "completion", "config"}; isCommand && !slices.Contains(general, name) && !strings.Contains(string(page), "`"+name) {
			t.Errorf("docs/matrix_tail.md lacks %s", name)
		}
	}
}

func TestMatrixTail_Completion(t *testing.T) {
	t.Parallel()
	p := loggedIn(t, "me")
	if words := p.run(t, "", "__complete", "send", ""); words != ":none" {
		t.Errorf("before rooms: %q", words)
	}
	local := fmt.Sprint("complete", time.Now().UnixNano())
	_, err := p.api(t).CreateRoom(t.Context(), &mautrix.ReqCreateRoom{Name: "A\tB\x1b", RoomAliasName: local})
	if err != nil {
		t.Fatal(err)
	}
	other := p.newRoom(t, false)
	alias := "#" + local + ":" + id.UserID(p.ID).Homeserver()
	want := alias + "\tA B \n:none"
	waitFor(t, "completion "+want, func() bool { // Dendrite shows a room's events one after another
		rooms := p.run(t, "", "rooms")
		return strings.Contains(rooms, other) && p.run(t, "", "__complete", "send", "#") == want
	})
	if words := p.run(t, "", "__complete", "follow", alias, "!"); !strings.HasPrefix(words, other+"\t") {
		t.Errorf("a second room: %q", words)
	}
	if words := p.run(t, "", "__complete", "upload", alias, p.folder()+"/matrix"); words != p.folder()+"/matrix_tail/\n:none" {
		t.Errorf("files: %q", words)
	}
	if words := p.run(t, "", "__complete", "react", alias, ""); words != ":none" {
		t.Errorf("an event: %q", words)
	}
}

// Of several messages that are parked again each is reported, and once.
func TestMatrixTail_RetrySeveral(t *testing.T) {
	t.Parallel()
	p := loggedIn(t, "me")
	for range 3 {
		p.fails(t, 73, "M_FORBIDDEN", "send", "!nowhere:localhost", "hi")
	}
	items := objects(t, p.run(t, "", "outbox", "--json"))
	out := p.fails(t, 73, "M_FORBIDDEN", "retry")
	if len(items) != 3 || strings.Count(out, "M_FORBIDDEN") != 3 {
		t.Errorf("%d parked, retry says\n%s", len(items), out)
	}
	for _, item := range items {
		if transaction, _ := item["transaction_id"].(string); !strings.Contains(out, transaction) {
			t.Errorf("nothing of %s in\n%s", transaction, out)
		}
	}
}
