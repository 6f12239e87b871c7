package data

import (
	"cmp"
	"context"
	"errors"
	"regexp"
	"slices"
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
		return plain(coded.Err.Error())
	}
	return err.Error()
}

// around is what drivers put around SQLite's own text.
var around = regexp.MustCompile(`^(SQL logic error|constraint failed): | \(\d+\)$`)

func plain(text string) string { return around.ReplaceAllString(text, "") }

// explain makes an error of SQL from outside one for the person who wrote it:
// SQLite's own text, and which name may have been meant.
func (v *View) explain(ctx context.Context, err error) error {
	coded, ok := err.(*core.Error)
	if !ok || coded.Code != core.CodeInvalid && coded.Code != core.CodeForbidden {
		return err
	}
	message := Message(coded)
	if strings.HasSuffix(message, "Args has 0 values") { // which is for programmers
		return &core.Error{Code: core.CodeInvalid, Message: "the query has a parameter without a name", Hint: "write :name in place of ?"}
	}
	return &core.Error{Code: coded.Code, Message: message, Hint: cmp.Or(coded.Hint, v.meant(ctx, message))}
}

// meant is a hint to the table or column that a message of SQLite says is not
// there.
func (v *View) meant(ctx context.Context, message string) string {
	kind, name, _ := strings.Cut(message, ": ")
	if kind != "no such table" && kind != "no such column" {
		return ""
	}
	tables, err := v.Tables(ctx)
	if err != nil {
		return "" // the message says what matters
	}
	var names []string
	for _, t := range tables {
		if kind == "no such table" {
			names = append(names, t.Name)
		} else {
			names = append(names, columnNames(t)...)
		}
	}
	near := core.NameNearest(name[strings.LastIndexByte(name, '.')+1:], names)
	slices.Sort(near)
	return core.DidYouMean(slices.Compact(near)...)
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
		known.Message = "the SQL, or a row or a value that it reads, has more than 100 kB"
		known.Hint = "name columns without it rather than *; octet_length(column) is its size, and the table's rows have it whole"
	default:
		return err
	}
	return known
}
