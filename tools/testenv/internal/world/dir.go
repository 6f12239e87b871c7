package world

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// A run's folder has this prefix in its name and contains this file. RemoveDir
// requires both, so that no wrong path can make it remove anything else.
const (
	dirPrefix = "testenv-"
	dirMark   = ".testenv-run"
)

// DirName returns a name for a run's folder, in the system's folder for
// temporary files, that no other run has.
func DirName() string {
	return filepath.Join(os.TempDir(), dirPrefix+strings.ToLower(rand.Text()[:12]))
}

// MakeDir makes a run's folder. It is an error if there is something with the
// name.
func MakeDir(dir string) error {
	if err := os.Mkdir(dir, 0o700); err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(dir, dirMark), nil, 0o400); err != nil {
		return errors.Join(err, os.Remove(dir))
	}
	// Servers that run as another user have to pass through; private data are
	// in folders of their own.
	return os.Chmod(dir, 0o711)
}

// RemoveDir removes a folder that MakeDir has made and whose servers have
// ended, with what they left in the kernel. A folder that is gone already is
// fine.
func RemoveDir(dir string) error {
	if _, err := os.Lstat(dir); errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	mark, err := os.Lstat(filepath.Join(dir, dirMark))
	if !strings.HasPrefix(filepath.Base(dir), dirPrefix) || err != nil || !mark.Mode().IsRegular() {
		return fmt.Errorf("%s is not the folder of a run, and is not removed", dir)
	}
	servers, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	for _, server := range servers {
		if server.Name() == dirMark {
			continue
		}
		removeSharedMemory(filepath.Join(dir, server.Name()))
		if err := os.RemoveAll(filepath.Join(dir, server.Name())); err != nil {
			return err
		}
	}
	return os.RemoveAll(dir) // the marker is removed last: an interrupted removal can be resumed
}
