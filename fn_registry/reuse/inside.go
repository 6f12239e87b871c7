package reuse

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"fnregistry.dev/functions/core"
)

// inside refuses a file of the target, given relative to it with slashes, if a
// symbolic link leads to it, or if it is not a regular file: a link may lead
// outside of the target, and a pipe or a device could be read forever. A
// missing file passes.
func (t *Target) inside(name string) error {
	at := t.Dir
	parts := strings.Split(name, "/")
	for i, part := range parts {
		at = filepath.Join(at, part)
		info, err := os.Lstat(at)
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		if err != nil {
			return err
		}
		last := i == len(parts)-1
		switch {
		case info.Mode()&fs.ModeSymlink != 0:
			return &core.Error{
				Code: core.CodeInvalid, Message: at + " is a symbolic link, which fn add does not follow",
				Hint: "replace it by the file or folder itself",
			}
		case last && !info.Mode().IsRegular(), !last && !info.IsDir():
			return &core.Error{Code: core.CodeInvalid, Message: at + " is in the way: " + info.Mode().Type().String()}
		}
	}
	return nil
}
