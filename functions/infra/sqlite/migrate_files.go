package sqlite

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io/fs"
	"path"
	"regexp"
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

var fileName = regexp.MustCompile(`^([0-9]{1,18})_[A-Za-z0-9_-]+\.sql$`)

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
	parts := fileName.FindStringSubmatch(name)
	if parts == nil {
		return migrationFile{}, invalidFiles(name, "bad name", "names are like 0001_create_users.sql; there are no down files")
	}
	content, err := fs.ReadFile(fsys, path.Join(dir, name))
	if err != nil {
		return migrationFile{}, &core.Error{Op: "sqlite_migrate", Code: core.ErrorCode(err), Err: err}
	}
	// A checkout may turn line ends into \r\n; that changes no history.
	content = bytes.ReplaceAll(content, []byte("\r\n"), []byte("\n"))
	sum := sha256.Sum256(content)
	file := migrationFile{statements: splitSQL(string(content)), foreignKeysOff: foreignKeysOffLine.MatchString(leadingComment(string(content)))}
	file.Name, file.Checksum = name, hex.EncodeToString(sum[:])
	if file.Version, err = strconv.ParseInt(parts[1], 10, 64); err != nil || file.Version == 0 {
		return migrationFile{}, invalidFiles(name, "bad number", "numbers begin at 1")
	}
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

// foreignKeysOffLine is the directive that SQLite's own procedure for rebuilding a table needs
// (https://sqlite.org/lang_altertable.html#otheralter).
var foreignKeysOffLine = regexp.MustCompile(`(?m)^--\s*foreign_keys\s*:\s*off\s*$`)

// leadingComment is the "--" lines that a file begins with.
func leadingComment(text string) string {
	var comment strings.Builder
	for line := range strings.Lines(strings.TrimPrefix(text, "\ufeff")) {
		if line = strings.TrimSpace(line); line != "" && !strings.HasPrefix(line, "--") {
			break
		}
		comment.WriteString(line + "\n")
	}
	return comment.String()
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
