package data

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"fnregistry.dev/functions/infra/sqlite"
	"fnregistry.dev/functions/infra/sqlite/sqliteopen"
	"fnregistry.dev/functions/infra/sse"
)

// A subscription lives through six idle minutes by its heartbeats; what is
// written while its client is away comes once and in order when it reconnects.
// The hub is a database's, over a connection in memory: virtual time does not
// pass while a real one is read.
func TestChanges_IdleAndReconnect(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		table := sqlite.SQLiteSchemaTable{Name: "t", Kind: "table", Key: []string{"id"}}
		db := &Database{Name: "shop"}
		db.changes = sse.SSEHandler(t.Context(), sse.SSEHandlerConfig{Topics: db.topics})
		handler := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			db.changes.ServeHTTP(w, r.WithContext(WithAccess(r.Context(), Local)))
		})
		write := func(key string) {
			db.publish([]sqlite.SQLiteRowsWriteChange{{Table: &table, Verb: sqlite.SQLiteRowsInsert}}, []Result{{Key: key}})
		}
		// connect serves one client until cut is called, and returns the lines
		// that it gets.
		connect := func(lastID string) (lines chan string, cut func()) {
			client, server := net.Pipe()
			listener := &oneConn{conn: make(chan net.Conn, 1), closed: make(chan struct{})}
			listener.conn <- server
			running := &http.Server{Handler: handler}
			go running.Serve(listener)
			lines = make(chan string, 1000)
			go func() {
				fmt.Fprintf(client, "GET / HTTP/1.1\r\nHost: x\r\nLast-Event-ID: %s\r\n\r\n", lastID)
				scanner := bufio.NewScanner(client)
				for scanner.Scan() {
					lines <- scanner.Text()
				}
				close(lines)
			}()
			return lines, func() {
				client.Close()
				running.Close()
				synctest.Wait()
			}
		}
		drain := func(lines chan string) (all []string) {
			synctest.Wait()
			for {
				select {
				case line, ok := <-lines:
					if !ok {
						return all
					}
					all = append(all, line)
				default:
					return all
				}
			}
		}
		lines, cut := connect("")
		write("1")
		first := drain(lines)
		time.Sleep(6 * time.Minute)
		beats := 0
		for _, line := range drain(lines) {
			if line == ":" {
				beats++
			}
		}
		if beats < 6*60/15-1 {
			t.Errorf("%d heartbeats in six minutes", beats)
		}
		write("2")
		after := drain(lines)
		lastID := ""
		for _, line := range slices.Concat(first, after) {
			if id, ok := strings.CutPrefix(line, "id: "); ok {
				lastID = id
			}
		}
		if text := strings.Join(after, "\n"); !strings.Contains(text, `"key":"2"`) {
			t.Errorf("after six idle minutes: %s", text)
		}
		cut()
		for _, key := range []string{"3", "4", "5"} {
			write(key)
		}
		lines, cut = connect(lastID)
		var got []string
		for _, line := range drain(lines) {
			if data, ok := strings.CutPrefix(line, "data: "); ok {
				got = append(got, data)
			}
		}
		const event = `{"table":"t","verb":"insert","key":"%d"}`
		if want := []string{fmt.Sprintf(event, 3), fmt.Sprintf(event, 4), fmt.Sprintf(event, 5)}; !slices.Equal(got, want) {
			t.Errorf("got %q, want %q", got, want)
		}
		cut()
		db.changes.Close()
	})
}

// oneConn is a listener with one connection.
type oneConn struct {
	conn   chan net.Conn
	closed chan struct{}
}

func (l *oneConn) Accept() (net.Conn, error) {
	select {
	case c := <-l.conn:
		return c, nil
	case <-l.closed:
		return nil, io.EOF
	}
}

func (l *oneConn) Close() error {
	close(l.closed)
	return nil
}

func (l *oneConn) Addr() net.Addr { return &net.UnixAddr{} }

// Who may read a table but not its key gets no key; who may not, nothing. What
// another program writes is an event without details, and not sent for writes
// of this one.
func TestChanges_ByAccess(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "shop.db")
	other, err := sqliteopen.SQLiteOpen(t.Context(), sqliteopen.SQLiteOpenConfig{Path: path})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { other.Close() })
	for _, s := range []string{"CREATE TABLE t (id TEXT PRIMARY KEY, v)", "CREATE TABLE open (id INTEGER PRIMARY KEY, v)"} {
		if _, err := other.Writer.ExecContext(t.Context(), s); err != nil {
			t.Fatal(err)
		}
	}
	rules := func(r Rules) *Access { return &Access{Name: "x", Rules: map[string]Rules{"shop": r}} }
	keyless := rules(Rules{Read: []string{"*"}, Hide: map[string][]string{"t": {"id"}}})
	some := rules(Rules{Read: []string{"open"}})
	set, err := Open(t.Context(), Config{Files: []string{path}, Write: true, Access: []*Access{keyless, some}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { set.Close() })
	watch, err := set.Watch(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { watch.Stop(context.Background()) })
	v := set.Views(Full)[0]
	streams := map[string]chan string{"full": follow(t, v, Full), "keyless": follow(t, v, keyless), "some": follow(t, v, some)}
	insert := func(table string, id any) {
		if _, err := v.Write(t.Context(), []Change{{Table: table, Verb: "insert", Values: map[string]any{"id": id}}}, false); err != nil {
			t.Fatal(err)
		}
	}
	insert("t", "s3cret")
	insert("open", 1)
	if _, err := other.Writer.ExecContext(t.Context(), "INSERT INTO open (id) VALUES (2)"); err != nil {
		t.Fatal(err)
	}
	const shared = `{"table":"open","verb":"insert","key":"1"} {"changed":true}`
	want := map[string]string{
		"full": `{"table":"t","verb":"insert","key":"s3cret"} ` + shared, "keyless": `{"table":"t","verb":"insert"} ` + shared, "some": shared,
	}
	for name, stream := range streams {
		var got []string
		for len(got) == 0 || got[len(got)-1] != `{"changed":true}` {
			select {
			case data := <-stream:
				got = append(got, data)
			case <-time.After(20 * time.Second):
				t.Fatalf("%s: only %q", name, got)
			}
		}
		if text := strings.Join(got, " "); text != want[name] {
			t.Errorf("%s: %s\nwant %s", name, text, want[name])
		}
	}
}

// follow reads the data of a caller's events.
func follow(t *testing.T, v *View, a *Access) chan string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		v.Changes().ServeHTTP(w, r.WithContext(WithAccess(r.Context(), a)))
	})}
	go server.Serve(listener)
	t.Cleanup(func() { server.Close() })
	res, err := http.Get("http://" + listener.Addr().String()) // it returns once the client is registered
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { res.Body.Close() })
	events := make(chan string, 100)
	reader := bufio.NewReader(res.Body)
	if _, err := reader.ReadString('\n'); err != nil { // the hub has its position
		t.Fatal(err)
	}
	go func() {
		for event, err := range sse.SSERead(reader, 0) {
			if err != nil {
				return
			}
			events <- event.Data
		}
	}()
	return events
}

// Events of a virtual table are not for callers from whom something is hidden.
func TestChanges_Virtual(t *testing.T) {
	t.Parallel()
	words := sqlite.SQLiteSchemaTable{Name: "words", Kind: "virtual"}
	db := &Database{Name: "shop", schema: schema{tables: []sqlite.SQLiteSchemaTable{words, {Name: "t", Kind: "table"}}}}
	clerk := &Access{Name: "clerk", Rules: map[string]Rules{"shop": {Read: []string{"*"}, Hide: map[string][]string{"t": {"x"}}}}}
	for access, want := range map[*Access]bool{Local: true, clerk: false} {
		r := httptest.NewRequest("GET", "/", nil)
		sees, err := db.topics(r.WithContext(WithAccess(r.Context(), access)))
		if err != nil || sees(topic(topicKey, &words)) != want || !sees(topic(topicKey, &sqlite.SQLiteSchemaTable{Name: "t"})) {
			t.Errorf("%s: sees %v, %v; want %v", access.Name, sees(topic(topicKey, &words)), err, want)
		}
	}
}
