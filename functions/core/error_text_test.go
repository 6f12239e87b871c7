package core_test

import (
	"errors"
	"fmt"
	"testing"

	"fnregistry.dev/functions/core"
)

func TestErrorText_Hints(t *testing.T) {
	t.Parallel()
	plain := errors.New("no such room")
	hinted := &core.Error{Code: core.CodeNotFound, Op: "open", Message: "no file", Hint: "name one that is there"}
	for _, c := range []struct {
		err  error
		want string
	}{
		{nil, ""},
		{plain, "app: error: no such room"},
		{hinted, "app: error: open: no file\nhint: name one that is there"},
		{fmt.Errorf("start: %w", hinted), "app: error: start: open: no file\nhint: name one that is there"},
		{&core.Error{Op: "start", Hint: "see the log", Err: hinted}, "app: error: start: open: no file\nhint: see the log"},
		{&core.Error{Op: "start", Err: hinted}, "app: error: start: open: no file\nhint: name one that is there"},
		{errors.Join(plain, hinted), "app: error: no such room\nopen: no file\nhint: name one that is there"},
	} {
		if c.err != nil {
			c.want += "\n"
		}
		if got := core.ErrorText("app", c.err); got != c.want {
			t.Errorf("got %q, want %q", got, c.want)
		}
	}
}
