package migration

import (
	"fmt"
	"slices"

	"fnregistry.dev/functions/core"
)

// MigrationApplied is a line of a database's history: a file that was applied.
type MigrationApplied struct {
	Version  int64
	Name     string // the file's name when it was applied
	Checksum string // of the file when it was applied; empty: unknown, and not compared
	At       string // when it was applied, for display
}

// MigrationCheck compares the history of a database, sorted by version, with
// the files, and returns the last version that was applied, or 0, also with an
// error. The files above it are to be applied. op begins the
// operation of its errors: "sqlite_migrate", say.
//
// Errors: CodeConflict where a file that was applied has changed or is missing,
// or a file is new below the last version.
//
// More in migration_check.md:
//   - Both lists must be sorted by version.
//   - The caller holds the database's lock from reading the history until the
//     last file is applied; this function locks nothing.
func MigrationCheck(op string, files []MigrationFile, history []MigrationApplied) (last int64, err error) {
	conflict := func(file, hint, message string, args ...any) error {
		return &core.Error{Code: core.CodeConflict, Op: op + " file=" + file, Message: fmt.Sprintf(message, args...), Hint: hint}
	}
	if len(history) > 0 {
		last = history[len(history)-1].Version
	}
	for _, line := range history {
		i := slices.IndexFunc(files, func(f MigrationFile) bool { return f.Version == line.Version })
		if i < 0 {
			return last, conflict(line.Name, "the database was migrated by a newer program: run that one, or restore a backup",
				"version %d was applied at %s, but this program doesn't have it", line.Version, line.At)
		}
		if line.Checksum != "" && line.Checksum != files[i].Checksum {
			return last, conflict(files[i].Name, "restore the file as it was, and put the change into a new migration",
				"has changed since it was applied at %s (checksum then %.12s, now %.12s)", line.At, line.Checksum, files[i].Checksum)
		}
	}
	for _, file := range files {
		known := slices.ContainsFunc(history, func(line MigrationApplied) bool { return line.Version == file.Version })
		if !known && file.Version < last {
			return last, conflict(file.Name, "give the file a number above the last one; a merged branch is the usual cause",
				"is new, but version %d is already applied", last)
		}
	}
	return last, nil
}
