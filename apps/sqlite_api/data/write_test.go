package data

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"fnregistry.dev/functions/core"
)

// Writers come after one another in their order; one that waits for too long is
// told to come again, and one whose client leaves gives up its place.
func TestTakeTurn(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		db := &Database{turn: make(chan struct{}, 1)}
		leave, err := db.takeTurn(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		began := time.Now()
		if _, err := db.takeTurn(t.Context()); core.ErrorCode(err) != core.CodeUnavailable || core.ErrorRetryAfter(err) <= 0 || time.Since(began) != writeWait {
			t.Errorf("after %s: %v", time.Since(began), err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if _, err := db.takeTurn(ctx); !errors.Is(err, context.Canceled) {
			t.Errorf("the client has left: %v", err)
		}
		var order []int
		for i := range 10 {
			go func() {
				leave, err := db.takeTurn(t.Context())
				if err != nil {
					t.Error(err)
					return
				}
				order = append(order, i)
				leave()
			}()
			synctest.Wait()
		}
		leave()
		synctest.Wait()
		if !slices.IsSorted(order) || len(order) != 10 {
			t.Errorf("the order is %v", order)
		}
	})
}

// Access without anything in a context is none.
func TestAccess(t *testing.T) {
	t.Parallel()
	none := AccessFrom(httptest.NewRequest(http.MethodGet, "/", nil).Context())
	if none.CanOpen("a") || none.CanRead("a", "t") || none.CanWrite("a", "t") || none.CanReadColumn("a", "t", "c") || !none.hides("a") {
		t.Error("who is unknown may do something")
	}
	if !Local.CanRead("a", "t") || Local.CanWrite("a", "t") || !Full.CanWrite("a", "t") || Full.hides("a") {
		t.Error("Local or Full is wrong")
	}
	a := &Access{Rules: map[string]Rules{
		"own": {Read: []string{"T"}, Write: []string{"t", "u"}, Hide: map[string][]string{"*": {"C"}, "t": {"d"}}}, "*": {Read: []string{"*"}},
	}}
	for what, c := range map[string]struct{ got, want bool }{
		"the case of names":               {a.CanRead("own", "t"), true},
		"write without read":              {a.CanWrite("own", "u"), false},
		"a column hidden in all":          {a.CanReadColumn("own", "t", "c"), false},
		"a column hidden in one":          {a.CanReadColumn("own", "T", "D"), false},
		"another one":                     {a.CanReadColumn("own", "t", "e"), true},
		"all other databases":             {a.CanReadColumn("other", "t", "c"), true},
		"where nothing is hidden":         {a.hides("other"), false},
		"where something is":              {a.hides("own"), true},
		"write in a database without any": {a.CanWrite("other", "t"), false},
	} {
		if c.got != c.want {
			t.Errorf("%s: %v", what, c.got)
		}
	}
}

// turnHandler notes whether a transaction had the turn with each line.
type turnHandler struct {
	slog.Handler
	turn  func() bool
	lines []bool
}

func (h *turnHandler) Handle(context.Context, slog.Record) error {
	h.lines = append(h.lines, h.turn())
	return nil
}

// The audit has the order of the commits: a line is written before the next
// transaction begins.
func TestWrite_AuditHasTheTurn(t *testing.T) {
	t.Parallel()
	h := &turnHandler{Handler: slog.NewTextHandler(t.Output(), nil)}
	set := openShop(t, Config{Write: true, Audit: slog.New(h)}, "CREATE TABLE t (id INTEGER PRIMARY KEY)")
	v := set.Views(Full)[0]
	h.turn = func() bool { return len(v.db.turn) == 1 }
	changes := []Change{{Table: "t", Verb: "insert", Values: map[string]any{"id": 1}}}
	if _, err := v.Write(t.Context(), changes, false); err != nil {
		t.Fatal(err)
	}
	if _, err := v.Write(t.Context(), changes, false); core.ErrorCode(err) != core.CodeConflict {
		t.Errorf("the same row again: %v", err)
	}
	if len(h.lines) != 2 || !h.lines[0] || !h.lines[1] {
		t.Errorf("with the turn: %v", h.lines)
	}
	if len(v.db.turn) != 0 {
		t.Error("the turn was not given back")
	}
}

// The ETag of a write is that of the row as it is read then, also where a
// trigger that the caller may not see changes it.
func TestWrite_ETagAfterTriggers(t *testing.T) {
	t.Parallel()
	access := hiding("other", "secret")
	set := openShop(t, Config{Write: true, Access: []*Access{access}}, "CREATE TABLE other (secret)",
		"CREATE TABLE t (id INTEGER PRIMARY KEY, v, changed DEFAULT 0)", "INSERT INTO t VALUES (1, 1, 0)",
		"CREATE TRIGGER touch AFTER UPDATE OF v ON t BEGIN UPDATE t SET changed = changed + 1 WHERE id = new.id; END")
	for _, a := range []*Access{Full, access} {
		v := set.Views(a)[0]
		change := Change{Table: "t", Verb: "update", Key: []any{int64(1)}, Values: map[string]any{"v": 2}}
		results, err := v.Write(t.Context(), []Change{change}, false)
		if err != nil {
			t.Fatal(err)
		}
		read := ""
		err = v.Row(t.Context(), "t", "1", func(row *RowPage) error { read = row.Version; return nil })
		if err != nil || read != results[0].ETag {
			t.Errorf("%s: written %s, read %s, %v", a.Name, results[0].ETag, read, err)
		}
	}
}

// A full disk isn't taken for another program's lock.
func TestRefusal(t *testing.T) {
	t.Parallel()
	v := &View{db: &Database{Name: "shop"}, access: Full}
	for text, want := range map[string]string{
		"database or disk is full (13)": "disk of the database is full", "disk I/O error (10)": "can't be read or written", "database is locked (5)": "another program",
	} {
		if err := v.refusal(&core.Error{Code: core.CodeUnavailable, Err: errors.New(text)}, 1); !strings.Contains(Message(err), want) {
			t.Errorf("%s: %s", text, Message(err))
		}
	}
}
