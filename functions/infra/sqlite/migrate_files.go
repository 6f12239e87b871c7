package sqlite

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strconv"
	"strings"

	"fnregistry.dev/functions/core"
)

type migrationFile struct {
	SQLiteMigrateFile
	statements     []statement
	foreignKeysOff bool
}

// migrationFiles reads and checks all *.sql files of a folder. Other files there are left alone.
func migrationFiles(fsys fs.FS, dir string) ([]migrationFile, error) {
	if fsys == nil {
		return nil, invalidFiles("", "no FS given", "")
	}
	if dir == "" {
		dir = "."
	}
	entries, err := fs.ReadDir(fsys, dir)
	if err != nil {
		return nil, &core.Error{Op: "sqlite_migrate", Code: core.ErrorCode(err), Err: err}
	}
	var files []migrationFile
	for _, entry := range entries {
		if entry.IsDir() || path.Ext(entry.Name()) != ".sql" {
			continue
		}
		file, err := readMigration(fsys, dir, entry.Name())
		if err != nil {
			return nil, err
		}
		files = append(files, file)
	}
	if len(files) == 0 {
		return nil, invalidFiles("", fmt.Sprintf("no *.sql file in folder %q", dir), "an embed.FS keeps the folder's name: //go:embed migrations/*.sql wants Dir \"migrations\"")
	}
	slices.SortFunc(files, func(a, b migrationFile) int { return cmp.Compare(a.Version, b.Version) })
	for i := 1; i < len(files); i++ {
		if files[i].Version == files[i-1].Version {
			return nil, invalidFiles(files[i].Name, "has the same number as "+files[i-1].Name, "give one of them the next free number")
		}
	}
	return files, nil
}

func readMigration(fsys fs.FS, dir, name string) (migrationFile, error) {
	version, ok := fileVersion(name)
	if !ok {
		return migrationFile{}, invalidFiles(name, "bad name", "names are like 0001_create_users.sql, numbers begin at 1; there are no down files")
	}
	content, err := fs.ReadFile(fsys, path.Join(dir, name))
	if err != nil {
		return migrationFile{}, &core.Error{Op: "sqlite_migrate", Code: core.ErrorCode(err), Err: err}
	}
	// A checkout may turn line ends into \r\n; that changes no history.
	content = bytes.ReplaceAll(content, []byte("\r\n"), []byte("\n"))
	sum := sha256.Sum256(content)
	file := migrationFile{statements: splitSQL(string(content)), foreignKeysOff: wantsForeignKeysOff(string(content))}
	file.Version, file.Name, file.Checksum = version, name, hex.EncodeToString(sum[:])
	if bytes.IndexByte(content, 0) >= 0 {
		return migrationFile{}, invalidFiles(name, "holds a NUL byte", "SQLite would not read past it")
	}
	if len(file.statements) == 0 {
		return migrationFile{}, invalidFiles(name, "holds no SQL statement", "")
	}
	for _, s := range file.statements {
		if message, hint := refusedStatement(s); message != "" {
			return migrationFile{}, invalidFiles(fmt.Sprintf("%s:%d", name, s.line), message, hint)
		}
	}
	return file, nil
}

// fileVersion reads the number of "0001_create_users.sql".
func fileVersion(name string) (version int64, ok bool) {
	digits, rest, _ := strings.Cut(strings.TrimSuffix(name, ".sql"), "_")
	if rest == "" || strings.Trim(rest, "-_abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789") != "" || strings.Trim(digits, "0123456789") != "" {
		return 0, false
	}
	version, err := strconv.ParseInt(digits, 10, 64)
	return version, err == nil && version > 0
}

func isTableName(name string) bool {
	for _, c := range []byte(name) {
		if !isIdent(c) || c == '$' || c >= 0x80 {
			return false
		}
	}
	return name != "" && !isDigit(name[0])
}

// wantsForeignKeysOff looks for the line "-- foreign_keys: off" in the comment that a file begins with: SQLite's own procedure
// for rebuilding a table needs that (https://sqlite.org/lang_altertable.html#otheralter).
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

// refusedStatement says why a statement can't stand in a migration, or "".
func refusedStatement(s statement) (message, hint string) {
	words := append(slices.Clone(s.words), "", "") // two words are looked at
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

func invalidFiles(file, message, hint string) error {
	return &core.Error{Code: core.CodeInvalid, Op: strings.TrimSpace("sqlite_migrate " + file), Message: message, Hint: hint}
}
