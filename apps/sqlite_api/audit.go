package main

import (
	"log/slog"
	"os"
	"sync"

	"fnregistry.dev/functions/core"
)

// auditFile is the file of the audit. A line that can't be written, as on a
// full disk, is kept until it can: its transaction has been made.
type auditFile struct {
	path string

	mu      sync.Mutex
	file    *os.File
	pending []byte // not yet in the file
}

func openAudit(path string) (*auditFile, error) {
	file, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o600)
	if err != nil {
		return nil, &core.Error{Code: core.ErrorCode(err), Op: "audit", Err: err}
	}
	return &auditFile{path: path, file: file}, nil
}

// logger writes lines of JSON.
func (a *auditFile) logger() *slog.Logger { return slog.New(slog.NewJSONHandler(a, nil)) }

// Write never fails: check reports what it could not write.
func (a *auditFile) Write(line []byte) (int, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.pending = append(a.pending, line...)
	_ = a.flush() // check tries again
	return len(line), nil
}

// check reports why lines can't be written. While it does, no transaction may
// be made, so that few lines are pending.
func (a *auditFile) check() error {
	a.mu.Lock()
	defer a.mu.Unlock()
	err := a.flush()
	if err == nil {
		return nil
	}
	return &core.Error{
		Code: core.CodeUnavailable, Op: "audit path=" + a.path, Message: "the audit can't be written, so nothing else is",
		Hint: "make room on its disk: what is missing in it is kept until then", Err: err,
	}
}

func (a *auditFile) flush() error {
	if len(a.pending) == 0 {
		return nil
	}
	n, err := a.file.Write(a.pending)
	if a.pending = a.pending[n:]; len(a.pending) == 0 {
		a.pending = nil
	}
	return err
}

// close writes what is pending, if it can.
func (a *auditFile) close() error {
	err := a.check()
	if closed := a.file.Close(); err == nil {
		err = closed
	}
	return err
}
