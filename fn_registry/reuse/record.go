package reuse

import (
	"context"
	"encoding/json"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"fnregistry.dev/functions/core"
)

// RecordName is the file in the folder of copies that says what they are copies
// of.
const RecordName = "fn_units.json"

// recordFormat is raised when an older program could not use a record.
const recordFormat = 1

// Record says what a folder of copies has, and from where.
type Record struct {
	Format int               `json:"format"`
	From   From              `json:"from"`
	Units  []RecordUnit      `json:"units"` // requested units, sorted by ID
	Files  map[string]string `json:"files"` // from the folder, with slashes -> SHA-256 of the copy
}

// From is the state of a repository.
type From struct {
	Root    string `json:"root"`              // its folder, from the target module's
	Commit  string `json:"commit,omitempty"`  // hash; empty if git does not know the folder
	Changed bool   `json:"changed,omitempty"` // files differed from the commit
}

// RecordUnit is a unit as it was when it was copied.
type RecordUnit struct {
	ID      string `json:"id"`
	Version string `json:"version"`
}

// ReadRecord reads the record of a folder of copies, given from the target. It
// is nil where there is none.
func (t *Target) ReadRecord(folder string) (*Record, error) {
	text, err := t.readFile(path.Join(folder, RecordName))
	if text == nil || err != nil {
		return nil, err
	}
	file := filepath.Join(t.Dir, filepath.FromSlash(folder), RecordName)
	var r Record
	if err := json.Unmarshal(text, &r); err != nil {
		return nil, &core.Error{Code: core.CodeInvalid, Message: file + " can't be read", Err: err, Hint: "restore it from version control"}
	}
	if r.Format != recordFormat {
		return nil, &core.Error{Code: core.CodeInvalid, Message: file + " was written by another version of fn"}
	}
	for name := range r.Files {
		if !filepath.IsLocal(filepath.FromSlash(name)) || path.Clean(name) != name {
			return nil, &core.Error{Code: core.CodeInvalid, Message: file + " names the file " + name + ", outside of its folder"}
		}
	}
	return &r, nil
}

// Records lists the folders of the target that have a record, from the target,
// sorted. Folders that the go command passes over, and other modules, are left
// out.
func (t *Target) Records() ([]string, error) {
	var folders []string
	err := filepath.WalkDir(t.Dir, func(name string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if !entry.IsDir() {
			if entry.Name() == RecordName {
				rel, err := filepath.Rel(t.Dir, filepath.Dir(name))
				if err != nil {
					return err
				}
				folders = append(folders, filepath.ToSlash(rel))
			}
			return nil
		}
		if name == t.Dir {
			return nil
		}
		if base := entry.Name(); strings.HasPrefix(base, ".") || strings.HasPrefix(base, "_") || base == "vendor" || base == "node_modules" || base == "testdata" {
			return fs.SkipDir
		}
		if _, err := os.Stat(filepath.Join(name, "go.mod")); err == nil {
			return fs.SkipDir
		}
		return nil
	})
	slices.Sort(folders)
	return folders, err
}

func (t *Target) writeRecord(ctx context.Context, folder string, r *Record) error {
	text, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return err
	}
	return t.writeFile(ctx, path.Join(folder, RecordName), append(text, '\n'))
}
