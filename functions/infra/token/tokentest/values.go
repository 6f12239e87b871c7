package tokentest

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"testing"

	"fnregistry.dev/functions/core"
	"fnregistry.dev/functions/infra/token"
)

const secret = "syt_hunter2_correct-horse"

// wantCode fails the test if err has another code, is not a *core.Error, or
// shows the secret.
func wantCode(t *testing.T, what string, err error, code core.Code) {
	t.Helper()
	coded, ok := errors.AsType[*core.Error](err)
	if !ok || core.ErrorCode(err) != code {
		t.Errorf("%s: got %v (%s), want a *core.Error with code %s", what, err, core.ErrorCode(err), code)
		return
	}
	if strings.Contains(err.Error()+coded.Hint, secret) {
		t.Errorf("%s: the error shows the value: %v, hint %s", what, err, coded.Hint)
	}
}

func checkValues(t *testing.T, open func() token.TokenStore) {
	writer, reader := open(), open()
	for i, value := range []string{
		"x", secret, " blanks at both ends ", "two\nlines\r\n", "nul\x00 in it", "\xff\xfe not UTF-8 \x80", "\"quoted\" 'it' \\ $(id) %s",
		"日本語 🔑", strings.Repeat("a", 2000), allBytes(), "go-keyring-base64:eHg=", "null", "{}",
	} {
		name := fmt.Sprint("value ", i)
		mustSet(t, writer, name, value)
		if got := mustGet(t, reader, name); got != value {
			t.Errorf("value %q was read back as %q", value, got)
		}
	}
}

func allBytes() string {
	all := make([]byte, 256)
	for i := range all {
		all[i] = byte(i)
	}
	return string(all)
}

func checkOverwrite(t *testing.T, open func() token.TokenStore) {
	store := open()
	for _, value := range []string{"first", strings.Repeat("long", 300), "x"} {
		mustSet(t, store, "name", value)
		if got := mustGet(t, open(), "name"); got != value {
			t.Errorf("got %d bytes, want %d", len(got), len(value))
		}
		if names := mustList(t, store); !slices.Equal(names, []string{"name"}) {
			t.Errorf("List: %q, want only that name", names)
		}
	}
}

func checkEmptyValue(t *testing.T, open func() token.TokenStore) {
	store := open()
	mustSet(t, store, "name", "old")
	wantCode(t, "Set of an empty value", store.Set(t.Context(), "name", ""), core.CodeInvalid)
	wantCode(t, "Set of an empty value", store.Set(t.Context(), "new", ""), core.CodeInvalid)
	if got := mustGet(t, store, "name"); got != "old" {
		t.Errorf("the old value became %q", got)
	}
	if names := mustList(t, store); len(names) != 1 {
		t.Errorf("List: %q, want only that name", names)
	}
}

func checkDoneContext(t *testing.T, open func() token.TokenStore) {
	store := open()
	mustSet(t, store, "name", "old")
	canceled, late := doneContexts(t)
	for ctx, code := range map[context.Context]core.Code{canceled: core.CodeCanceled, late: core.CodeTimeout} {
		_, err := store.Get(ctx, "name")
		wantCode(t, "Get", err, code)
		wantCode(t, "Set", store.Set(ctx, "name", secret), code)
		wantCode(t, "Set of a new name", store.Set(ctx, "new", secret), code)
		wantCode(t, "Delete", store.Delete(ctx, "name"), code)
		_, err = store.List(ctx)
		wantCode(t, "List", err, code)
	}
	if got := mustGet(t, store, "name"); got != "old" {
		t.Errorf("the value became %q", got)
	}
	if names := mustList(t, store); !slices.Equal(names, []string{"name"}) {
		t.Errorf("List: %q, want only that name", names)
	}
}

// checkLargeValue writes sizes around the limits of the known keyrings. Once
// one is refused, all larger ones must be, and nothing may change.
func checkLargeValue(t *testing.T, open func() token.TokenStore) {
	store := open()
	want := "small"
	mustSet(t, store, "name", want)
	refused := false
	for _, size := range []int{2560, 2561, 4096, 65 << 10, 10_000_000} {
		value := strings.Repeat(secret, size/len(secret)+1)[:size]
		err := store.Set(t.Context(), "name", value)
		switch {
		case err == nil && refused:
			t.Errorf("%d bytes are accepted, fewer were refused", size)
		case err == nil:
			want = value
		default:
			refused = true
			wantCode(t, fmt.Sprintf("Set of %d bytes", size), err, core.CodeTooLarge)
		}
		if got := mustGet(t, open(), "name"); got != want {
			t.Errorf("after %d bytes: got %d bytes back, want %d", size, len(got), len(want))
		}
	}
	if names := mustList(t, store); !slices.Equal(names, []string{"name"}) {
		t.Errorf("List: %q, want only that name", names)
	}
	if err := store.Delete(t.Context(), "name"); err != nil { // also so that it burdens no other test
		t.Error(err)
	}
}

func checkPrinting(t *testing.T, open func() token.TokenStore) {
	store := open()
	mustSet(t, store, "name", secret)
	mustGet(t, store, "name")
	var logged strings.Builder
	slog.New(slog.NewJSONHandler(&logged, nil)).Info("store", "store", store)
	slog.New(slog.NewTextHandler(&logged, nil)).Info("store", "store", store)
	printed := fmt.Sprintf("%s %v %+v %#v %q %x", store, store, store, store, store, store) + logged.String()
	for _, shown := range []string{secret, fmt.Sprintf("%x", secret), strings.Trim(fmt.Sprint([]byte(secret)), "[]")} {
		if strings.Contains(printed, shown) {
			t.Errorf("the printed store shows the value: %s", printed)
		}
	}
}
