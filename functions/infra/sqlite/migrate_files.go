package sqlite

import (
	"fmt"
	"io/fs"
	"slices"
	"strings"

	"fnregistry.dev/functions/core"
	"fnregistry.dev/functions/infra/migration"
)

type migrationFile struct {
	migration.MigrationFile
	statements     []statement
	foreignKeysOff bool
}

// migrationFiles reads and checks all *.sql files of a folder.
func migrationFiles(fsys fs.FS, dir string) ([]migrationFile, error) {
	found, err := migration.MigrationFiles("sqlite_migrate", fsys, dir)
	if err != nil {
		return nil, err
	}
	files := make([]migrationFile, len(found))
	for i, f := range found {
		files[i] = migrationFile{
			MigrationFile: f,
			statements:    splitSQL(f.Content), foreignKeysOff: wantsForeignKeysOff(f.Content),
		}
		if strings.IndexByte(f.Content, 0) >= 0 {
			return nil, invalidFile(f.Name, "holds a NUL byte", "SQLite would not read past it")
		}
		if err := files[i].check(); err != nil {
			return nil, err
		}
	}
	return files, nil
}

func (f migrationFile) check() error {
	if len(f.statements) == 0 {
		return invalidFile(f.Name, "holds no SQL statement", "")
	}
	for _, s := range f.statements {
		if message, hint := refusedStatement(s); message != "" {
			return invalidFile(fmt.Sprintf("%s:%d", f.Name, s.line), message, hint)
		}
	}
	return nil
}

func isTableName(name string) bool {
	for _, c := range []byte(name) {
		if !isIdent(c) || c == '$' || c >= 0x80 {
			return false
		}
	}
	return name != "" && !isDigit(name[0])
}

// wantsForeignKeysOff looks for the line "-- foreign_keys: off" in the comment
// at the start of a file: SQLite's own procedure for rebuilding a table needs
// that (https://sqlite.org/lang_altertable.html#otheralter).
func wantsForeignKeysOff(text string) bool {
	for line := range strings.Lines(strings.TrimPrefix(text, "\ufeff")) {
		line = strings.TrimSpace(line)
		comment, ok := strings.CutPrefix(line, "--")
		if !ok && line != "" {
			return false
		}
		if key, value, _ := strings.Cut(comment, ":"); strings.TrimSpace(key) == "foreign_keys" && strings.TrimSpace(value) == "off" {
			return true
		}
	}
	return false
}

// refusedStatement returns why a statement is not allowed in a migration, or
// "".
func refusedStatement(s statement) (message, hint string) {
	words := append(slices.Clone(s.words), "", "") // two words are examined
	switch words[0] {
	case "BEGIN", "COMMIT", "END", "ROLLBACK":
		return words[0] + " in a migration", "each file already runs in a transaction of its own"
	case "VACUUM":
		return "VACUUM in a migration", "it can't run in a transaction: run it after the migrations"
	case "PRAGMA":
		if words[1] == "FOREIGN_KEYS" {
			return "PRAGMA foreign_keys in a migration", "it does nothing in a transaction: begin the file with the line \"-- foreign_keys: off\""
		}
	}
	return "", ""
}

func invalidFile(file, message, hint string) error {
	return &core.Error{Code: core.CodeInvalid, Op: "sqlite_migrate file=" + file, Message: message, Hint: hint}
}
