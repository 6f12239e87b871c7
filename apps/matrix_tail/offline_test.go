//go:build unix

package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"maunium.net/go/mautrix"
	"maunium.net/go/mautrix/id"

	"fnregistry.dev/functions/infra/sqlite/sqliteopen"
	"fnregistry.dev/tools/testenv/testkit/fault"
	"fnregistry.dev/tools/testenv/testkit/servers"
)

// A message that is sent without a network is in the queue on disk: Ctrl-C
// leaves it there, and the next send waits for the network and sends both, in
// order. So for a room's alias that was used before, and for its ID.
func TestMatrixTail_SendOffline(t *testing.T) {
	t.Parallel()
	home := servers.Matrix(t)
	proxy := fault.HTTP(t, home.URL)
	p := newPerson(t, "me")
	p.env = append(p.env, "MATRIX_TAIL_HOMESERVER="+proxy.URL())
	p.run(t, p.Password+"\n", "login")
	client, err := mautrix.NewClient(home.URL, id.UserID(p.ID), p.AccessToken)
	if err != nil {
		t.Fatal(err)
	}
	_, name, _ := strings.Cut(p.ID, "@")
	name, server, _ := strings.Cut(name, ":")
	room, err := client.CreateRoom(t.Context(), &mautrix.ReqCreateRoom{Preset: "private_chat", RoomAliasName: "ops_" + name})
	if err != nil {
		t.Fatal(err)
	}
	alias := "#ops_" + name + ":" + server
	p.run(t, "", "send", alias, "online")

	proxy.Down()
	var screen bytes.Buffer
	first := p.command(t.Context(), "send", alias, "first")
	first.Stderr = &screen
	if err := first.Start(); err != nil {
		t.Fatal(err)
	}
	waitFor(t, "tries", func() bool { return p.queued(t) == 1 })
	if err := first.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	if err := first.Wait(); err == nil {
		t.Errorf("an interrupted send ended with success\n%s", &screen)
	}
	if n := p.queued(t); n != 1 {
		t.Fatalf("%d items in the queue after Ctrl-C\n%s", n, &screen)
	}

	second := p.command(t.Context(), "send", string(room.RoomID), "second")
	var out bytes.Buffer
	second.Stdout, second.Stderr = &out, &screen
	if err := second.Start(); err != nil {
		t.Fatal(err)
	}
	waitFor(t, "second item", func() bool { return p.queued(t) == 2 })
	proxy.Up()
	if err := second.Wait(); err != nil || !strings.HasPrefix(out.String(), "$") {
		t.Fatalf("%v %q\n%s", err, out.String(), &screen)
	}
	var texts []string
	waitFor(t, "three messages", func() bool {
		page, err := client.Messages(t.Context(), room.RoomID, "", "", mautrix.DirectionBackward, nil, 20)
		if err != nil {
			t.Fatal(err)
		}
		texts = nil
		for _, evt := range page.Chunk {
			if body, _ := evt.Content.Raw["body"].(string); body != "" {
				texts = append([]string{body}, texts...)
			}
		}
		return len(texts) >= 3
	})
	if strings.Join(texts, " ") != "online first second" {
		t.Errorf("sent %q", texts)
	}
	proxy.Down()
	p.fails(t, 69, "connection refused", "send", "#never_used:"+server, "x")
}

// queued is how many items wait in the outbox.
func (p person) queued(t *testing.T) (n int) {
	t.Helper()
	path := filepath.Join(filepath.Dir(p.tokens()), "matrix_tail", "state.db")
	db, err := sqliteopen.SQLiteOpen(t.Context(), sqliteopen.SQLiteOpenConfig{Path: path})
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if err := db.Reader.QueryRowContext(t.Context(), "SELECT count(*) FROM matrix_outbox WHERE state = 0").Scan(&n); err != nil {
		return 0 // no table yet
	}
	return n
}

func waitFor(t *testing.T, what string, condition func() bool) {
	t.Helper()
	for deadline := time.Now().Add(3 * time.Minute); !condition(); {
		if time.Now().After(deadline) {
			t.Fatalf("no %s", what)
		}
		time.Sleep(20 * time.Millisecond)
	}
}
