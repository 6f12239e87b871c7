package data

import (
	"context"
	"errors"
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
