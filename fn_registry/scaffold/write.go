package scaffold

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"fnregistry.dev/functions/infra/atomicfile"
)

// Write puts the plan's files below root. It overwrites nothing: if a file
// exists by now, or go.work has changed since the plan was made, it fails and
// removes what it had written.
func (p *Plan) Write(root string) (err error) {
	var undo []func()
	defer func() {
		for i := len(undo) - 1; i >= 0 && err != nil; i-- {
			undo[i]()
		}
	}()
	for _, f := range p.Files {
		name := filepath.Join(root, filepath.FromSlash(f.Path))
		if f.edit {
			if err := f.replace(name); err != nil {
				return err
			}
			undo = append(undo, func() { _ = os.WriteFile(name, []byte(f.before), 0o644) })
			continue
		}
		made, err := makeFolders(filepath.Dir(name))
		undo = append(undo, made)
		if err != nil {
			return err
		}
		if err := create(name, f.Text); err != nil {
			if errors.Is(err, fs.ErrExist) {
				return exists("the file "+f.Path+" exists", "nothing is overwritten: move it away, or choose another name")
			}
			return err
		}
		undo = append(undo, func() { _ = os.Remove(name) })
	}
	return nil
}

// makeFolders makes a folder with those above it, and returns what takes the
// new ones back.
func makeFolders(dir string) (undo func(), err error) {
	var fresh []string
	for d := dir; ; d = filepath.Dir(d) {
		if _, err := os.Stat(d); err == nil || d == filepath.Dir(d) {
			break
		}
		fresh = append(fresh, d)
	}
	return func() {
		for _, d := range fresh {
			_ = os.Remove(d)
		}
	}, os.MkdirAll(dir, 0o755)
}

// create writes a file that must not be there, whole or not at all.
func create(name, text string) error {
	out, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if err != nil {
		return err
	}
	_, err = out.WriteString(text)
	if closeErr := out.Close(); err == nil {
		err = closeErr
	}
	if err != nil {
		_ = os.Remove(name)
	}
	return err
}

// replace changes a file that is there, if it is as the plan read it.
func (f File) replace(name string) error {
	now, err := os.ReadFile(name)
	if err != nil {
		return err
	}
	if string(now) != f.before {
		return fmt.Errorf("%s has changed meanwhile; run again", f.Path)
	}
	return atomicfile.FileWriteAtomic(context.Background(), name, strings.NewReader(f.Text), 0o644)
}
