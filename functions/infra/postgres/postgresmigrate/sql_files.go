package postgresmigrate

import (
	"io"
	"io/fs"
	"strings"
)

// sqlFiles shows the files to goose, plain ones with the annotations that it
// wants: as one statement, which it then doesn't cut at the semicolons in
// function bodies.
type sqlFiles []migrationFile

var _ fs.GlobFS = sqlFiles(nil)

// Glob answers for "*.sql" and "*.go", which is what goose looks for.
func (files sqlFiles) Glob(pattern string) ([]string, error) {
	var names []string
	for _, file := range files {
		if pattern == "*.sql" {
			names = append(names, file.Name)
		}
	}
	return names, nil
}

func (files sqlFiles) Open(name string) (fs.File, error) {
	for _, file := range files {
		if file.Name != name {
			continue
		}
		text := file.content
		if !file.annotated {
			statement, _ := file.statement()
			text = "-- +goose Up\n-- +goose StatementBegin\n" + statement + "\n-- +goose StatementEnd\n"
		}
		return openFile{strings.NewReader(text)}, nil
	}
	return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrNotExist}
}

type openFile struct{ io.Reader }

func (openFile) Stat() (fs.FileInfo, error) { return nil, fs.ErrInvalid } // goose only reads
func (openFile) Close() error               { return nil }
