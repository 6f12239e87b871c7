// Package bounded reads files up to a limit.
package bounded

import (
	"errors"
	"fmt"
	"io"
	"os"
	"syscall"

	"fnregistry.dev/functions/core"
)

// ReadFile reads a file whole. The error is that of package os, or a
// *core.Error with CodeTooLarge where there is more than limit bytes.
func ReadFile(path string, limit int64) ([]byte, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	text, err := io.ReadAll(io.LimitReader(file, max(limit, limit+1))) // limit+1 may overflow
	if errors.Is(err, syscall.EISDIR) {
		return nil, &core.Error{Code: core.CodeInvalid, Message: path + " is a folder", Hint: "name a file"}
	}
	if err != nil {
		return nil, err
	}
	if int64(len(text)) > limit {
		return nil, &core.Error{
			Code:    core.CodeTooLarge,
			Message: fmt.Sprintf("%s is larger than %d bytes", path, limit),
		}
	}
	return text, nil
}
