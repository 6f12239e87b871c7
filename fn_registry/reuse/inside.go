package reuse

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"fnregistry.dev/functions/core"
)

// inside refuses a file of the target, given from there with slashes, to which
// a symbolic link leads, or which is no regular file: what lies behind a link
// may be outside of the target, and a pipe or a device could be read for ever.
// A file that is not there passes.
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
				Hint: "put the file or folder itself there",
			}
		case last && !info.Mode().IsRegular(), !last && !info.IsDir():
			return &core.Error{Code: core.CodeInvalid, Message: at + " is in the way: " + info.Mode().Type().String()}
		}
	}
	return nil
}
