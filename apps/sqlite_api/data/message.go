package data

import (
	"cmp"
	"context"
	"errors"
	"regexp"
	"slices"
	"strings"

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
	if strings.HasPrefix(message, "LIKE or GLOB pattern") {
		return &core.Error{Code: core.CodeInvalid, Message: message, Hint: "a pattern has 100 bytes at most; instr(text, part) looks for longer ones"}
	}
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
