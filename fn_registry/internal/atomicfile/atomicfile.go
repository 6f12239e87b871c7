// Package atomicfile replaces files as a whole.
package atomicfile

import (
	"cmp"
	"io"
	"io/fs"
	"os"
	"path/filepath"
)

// Write gives a file the content that write writes, and the permissions of
// mode. Readers see the old file or the new one, whole; after an error the old
// one is left. The folder must exist; in it lies, meanwhile, a file whose name
// begins with a dot.
func Write(file string, mode fs.FileMode, write func(io.Writer) error) error {
	tmp, err := os.CreateTemp(filepath.Dir(file), "."+filepath.Base(file)+".*")
	if err != nil {
		return err
	}
	defer os.Remove(tmp.Name()) // no-op once renamed
	err = write(tmp)
	if err == nil {
		err = tmp.Chmod(mode.Perm())
	}
	if err := cmp.Or(err, tmp.Close()); err != nil {
		return err
	}
	return os.Rename(tmp.Name(), file)
}
