package json

import (
	"cmp"
	"errors"
	"io/fs"
	"os"

	"fnregistry.dev/functions/core"
	"fnregistry.dev/functions/internal/bounded"
)

// JSONFileReadConfig bounds what [JSONFileRead] takes. The zero value of a
// field is its default.
type JSONFileReadConfig struct {
	// MaxBytes is how large the file may be. Default: 16 MiB.
	MaxBytes int64
	// MaxDepth is the deepest nesting of arrays and objects. Default: 64.
	MaxDepth int
}

// JSONFileRead reads a file that is one JSON value of type T, as strictly as
// [JSONDecode].
//
// Errors are *core.Error: CodeInvalid for a file that is not that, a folder or
// a device, CodeTooLarge over MaxBytes, else the code of the cause:
// CodeNotFound, CodeForbidden.
//
// More in json_file_read.md:
//   - A pipe, a device and /dev/stdin are refused.
//   - It reads the file whole.
func JSONFileRead[T any](path string, cfg JSONFileReadConfig) (T, error) {
	op := "json_file_read path=" + path
	text, err := readFile(path, cfg.MaxBytes)
	if err != nil {
		var zero T
		return zero, &core.Error{Op: op, Err: err}
	}
	return JSONDecode[T](text, JSONDecodeConfig{Op: op, Name: "the file", MaxDepth: cfg.MaxDepth})
}

func readFile(path string, maxBytes int64) ([]byte, error) {
	info, err := os.Stat(path) // before opening it: a pipe would block
	if err != nil {
		return nil, withoutPath(err)
	}
	if !info.Mode().IsRegular() {
		return nil, &core.Error{Code: core.CodeInvalid, Message: "it is not a regular file"}
	}
	text, err := bounded.ReadFile(path, cmp.Or(maxBytes, 16<<20))
	return text, withoutPath(err)
}

// withoutPath returns an error without the path, which is already in Op.
func withoutPath(err error) error {
	if pathError, ok := errors.AsType[*fs.PathError](err); ok {
		return pathError.Err
	}
	return err
}
