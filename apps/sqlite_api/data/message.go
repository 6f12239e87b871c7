package data

import (
	"errors"
	"strings"
	"time"

	"fnregistry.dev/functions/core"
)

// Message is what a person reads of an error: its message, or what SQLite says.
func Message(err error) string {
	coded, ok := errors.AsType[*core.Error](err)
	switch {
	case ok && coded.Message != "":
		return coded.Message
	case core.ErrorCode(err) == core.CodeTimeout:
		return "it took too long and was stopped"
	case ok && coded.Err != nil:
		return coded.Err.Error()
	}
	return err.Error()
}

// helpful says what a caller can do about what SQLite reports of a file: it is
// locked, its disk is full or broken, or a value is too long for SQL. Other
// errors come back as they are.
func helpful(err error) error {
	if err == nil {
		return nil
	}
	known := &core.Error{Code: core.ErrorCode(err), Err: err}
	reports := func(text string) bool { return strings.Contains(err.Error(), text) }
	switch {
	case known.Code == core.CodeUnavailable && reports("is locked"):
		known.Message, known.RetryAfter = "another program has locked the database, or writes to it", time.Second
		known.Hint = "try again; in WAL mode (PRAGMA journal_mode = WAL) those who read don't wait for those who write"
	case known.Code == core.CodeUnavailable && reports("database or disk is full"):
		known.Message, known.Hint = "the disk of the database is full: nothing was written", "make room on it, and send the request again"
	case known.Code == core.CodeUnavailable && reports("disk I/O error"):
		known.Message, known.Hint = "the disk of the database can't be read or written", "check the disk, and the log of its system"
	case known.Code == core.CodeTooLarge && reports("string or blob too big"):
		known.Message = "a row or a value has more than 100 kB, which SQL can't read here"
		known.Hint = "name columns without it rather than *; octet_length(column) is its size, and the table's rows have it whole"
	default:
		return err
	}
	return known
}
