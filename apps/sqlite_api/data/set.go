package data

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"fnregistry.dev/functions/core"
)

// Config says which files are served.
type Config struct {
	Files []string // paths; required
	Write bool     // open them for writing, too
	// QueryTime is how long SQL from outside may run. Default 10 s; negative:
	// as long as it takes.
	QueryTime time.Duration
	// Access are the callers that there can be besides Local and Full.
	Access []*Access
	// Audit gets a line for each transaction that writes, or is refused. nil:
	// none.
	Audit *slog.Logger
	// AuditCheck reports why the audit can't be written: then nothing else is.
	// nil: it always can.
	AuditCheck func() error
}

// Set is the databases that are served, in the order of the files. Close it.
type Set struct {
	databases []*Database
}

// Open opens the files. Each is called as its file without the extension, with
// -2 and so on behind a name that another has, or that is Reserved.
//
// Errors: those of sqlite_open, of the first file that can't be opened.
func Open(ctx context.Context, cfg Config) (*Set, error) {
	if len(cfg.Files) == 0 {
		return nil, &core.Error{Code: core.CodeInvalid, Message: "no file is given"}
	}
	s := &Set{}
	for _, path := range cfg.Files {
		db, err := openDatabase(ctx, s.freeName(path), path, cfg)
		if err != nil {
			if core.ErrorCode(err) == core.CodeNotFound { // whose hint is for programs
				err = &core.Error{Code: core.CodeNotFound, Message: path + " does not exist", Hint: "give the path of a SQLite file"}
			}
			return nil, errors.Join(err, s.Close())
		}
		db.queryTime = cmp.Or(cfg.QueryTime, queryTime)
		s.databases = append(s.databases, db)
	}
	return s, nil
}

// Reserved are the first elements of paths that are no databases.
var Reserved = []string{"api", "assets", "databases", "favicon.ico", "healthz", "login", "logout", "metrics", "openapi.json", "readyz"}

func (s *Set) freeName(path string) string {
	base := filepath.Base(path)
	name := strings.TrimSuffix(base, filepath.Ext(base))
	if name == "" { // .db
		name = base
	}
	free := name
	taken := func(db *Database) bool { return db.Name == free }
	for n := 2; slices.Contains(Reserved, free) || slices.ContainsFunc(s.databases, taken); n++ {
		free = fmt.Sprintf("%s-%d", name, n)
	}
	return free
}

// Close closes all databases.
func (s *Set) Close() error {
	var errs []error
	for _, db := range s.databases {
		errs = append(errs, db.close())
	}
	return errors.Join(errs...)
}

// Check reports whether each file is still the one that was opened, and
// whether the audit can be written.
func (s *Set) Check(context.Context) error {
	var errs []error
	for _, db := range s.databases {
		errs = append(errs, db.file.Check())
	}
	if len(s.databases) > 0 {
		errs = append(errs, s.databases[0].auditCheck())
	}
	return errors.Join(errs...)
}

// Views are the databases that a caller may read.
func (s *Set) Views(a *Access) []*View {
	var views []*View
	for _, db := range s.databases {
		if a.CanOpen(db.Name) {
			views = append(views, &View{db: db, access: a})
		}
	}
	return views
}

// View is a database as a caller sees it. One that the caller may not read
// can't be told from one that there isn't.
//
// Errors: CodeNotFound.
func (s *Set) View(a *Access, name string) (*View, error) {
	views := s.Views(a)
	names := make([]string, len(views))
	for i, v := range views {
		if names[i] = v.Name(); v.Name() == name {
			return v, nil
		}
	}
	hint := core.DidYouMean(core.NameNearest(name, names)...)
	if hint == "" && len(names) > 0 {
		hint = "there are: " + strings.Join(names, ", ")
	}
	return nil, &core.Error{Code: core.CodeNotFound, Message: fmt.Sprintf("no database %q", name), Hint: hint}
}
