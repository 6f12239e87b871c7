package core_test

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"

	"fnregistry.dev/functions/core"
)

func TestErrorCode_Coded(t *testing.T) {
	t.Parallel()
	limited := &core.Error{Code: core.CodeLimited}
	var null *core.Error
	for name, c := range map[string]struct {
		err  error
		want core.Code
	}{
		"nil":                          {nil, ""},
		"direct":                       {limited, core.CodeLimited},
		"wrapped":                      {fmt.Errorf("a: %w", fmt.Errorf("b: %w", limited)), core.CodeLimited},
		"joined":                       {errors.Join(errors.New("x"), limited), core.CodeLimited},
		"first of two":                 {errors.Join(limited, &core.Error{Code: core.CodeInvalid}), core.CodeLimited},
		"outer wins":                   {&core.Error{Code: core.CodeInternal, Err: limited}, core.CodeInternal},
		"coded wins over its cause":    {&core.Error{Code: core.CodeUnavailable, Err: context.Canceled}, core.CodeUnavailable},
		"zero code":                    {&core.Error{Op: "x"}, core.CodeInternal},
		"zero code asks a coded":       {&core.Error{Op: "x", Err: fmt.Errorf("y: %w", limited)}, core.CodeLimited},
		"zero code asks the standard":  {&core.Error{Op: "x", Err: fs.ErrExist}, core.CodeConflict},
		"a code defined by the caller": {&core.Error{Code: "teapot"}, "teapot"},
		"nil pointer":                  {null, core.CodeInternal},
		"unknown":                      {errors.New("x"), core.CodeInternal},
	} {
		if got := core.ErrorCode(c.err); got != c.want {
			t.Errorf("%s: got %q, want %q", name, got, c.want)
		}
	}
}

// Errors that the standard library really returns, not only its sentinels.
func TestErrorCode_Standard(t *testing.T) {
	t.Parallel()
	check := func(name string, err error, want core.Code) {
		t.Helper()
		if err == nil {
			t.Fatalf("%s: no error came", name)
		}
		if got := core.ErrorCode(fmt.Errorf("wrapped: %w", err)); got != want {
			t.Errorf("%s: %v: got %q, want %q", name, err, got, want)
		}
	}
	dir := t.TempDir()
	_, err := os.Open(filepath.Join(dir, "missing"))
	check("open", err, core.CodeNotFound)
	check("mkdir", os.Mkdir(dir, 0o755), core.CodeConflict)
	check("permission", &fs.PathError{Op: "open", Path: "x", Err: fs.ErrPermission}, core.CodeForbidden)
	check("unsupported", errors.ErrUnsupported, core.CodeUnsupported)

	canceled, cancel := context.WithCancel(t.Context())
	cancel()
	check("cancelled", canceled.Err(), core.CodeCanceled)
	expired, cancel := context.WithDeadline(t.Context(), time.Unix(0, 0))
	defer cancel()
	check("expired", expired.Err(), core.CodeTimeout)

	listener, err := net.ListenTCP("tcp", &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	if err := listener.SetDeadline(time.Unix(1, 0)); err != nil {
		t.Fatal(err)
	}
	_, err = listener.Accept()
	check("socket deadline", err, core.CodeTimeout)
	listener.Close()
	_, err = listener.Accept()
	check("closed socket", err, core.CodeInternal)
}
