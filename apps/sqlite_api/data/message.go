package data

import (
	"errors"

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
