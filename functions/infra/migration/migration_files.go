package migration

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

// MigrationFile is one SQL file of a folder of migrations.
type MigrationFile struct {
	Version  int64  `json:"version"`  // the number that the file's name begins with, from 1
	Name     string `json:"name"`     // the file's name: "0002_add_index.sql"
	Checksum string `json:"checksum"` // SHA-256 of Content in hex
	Content  string `json:"-"`        // unchanged except that \r\n becomes \n: a checkout may convert line ends, which must not change the history
}

// MigrationFiles reads all *.sql files right in the folder dir of fsys (empty:
// "."), sorted by version. Other files are left alone. op begins the operation
// of its errors: "sqlite_migrate", say.
//
// Errors: CodeInvalid where fsys is nil, no *.sql file is there, a name has not
// the form 0001_create_users.sql, or two files have one number; what
// [core.ErrorCode] says of the file system's errors.
//
// More in migration_files.md:
//   - It does not inspect the SQL: the database's own unit rejects statements
//     that are not allowed in a migration.
//   - A byte order mark is part of Content and of the checksum.
func MigrationFiles(op string, fsys fs.FS, dir string) ([]MigrationFile, error) {
	invalid := func(file, message, hint string) error {
		op := op
		if file != "" {
			op += " file=" + file
		}
		return &core.Error{Code: core.CodeInvalid, Op: op, Message: message, Hint: hint}
	}
	if fsys == nil {
		return nil, invalid("", "no FS", "")
	}
	dir = cmp.Or(dir, ".")
	entries, err := fs.ReadDir(fsys, dir)
	if err != nil {
		return nil, &core.Error{Op: op, Code: core.ErrorCode(err), Err: err}
	}
	var files []MigrationFile
	for _, entry := range entries {
		if entry.IsDir() || path.Ext(entry.Name()) != ".sql" {
			continue
		}
		version, ok := fileVersion(entry.Name())
		if !ok {
			return nil, invalid(
				entry.Name(),
				"bad name",
				"names are like 0001_create_users.sql, numbers begin at 1; there are no down files",
			)
		}
		content, err := fs.ReadFile(fsys, path.Join(dir, entry.Name()))
		if err != nil {
			return nil, &core.Error{Op: op, Code: core.ErrorCode(err), Err: err}
		}
		content = bytes.ReplaceAll(content, []byte("\r\n"), []byte("\n"))
		sum := sha256.Sum256(content)
		files = append(files, MigrationFile{Version: version, Name: entry.Name(), Checksum: hex.EncodeToString(sum[:]), Content: string(content)})
	}
	if len(files) == 0 {
		return nil, invalid(
			"",
			fmt.Sprintf("no *.sql file in folder %q", dir),
			"an embed.FS keeps the folder's name: //go:embed migrations/*.sql needs Dir \"migrations\"",
		)
	}
	slices.SortFunc(files, func(a, b MigrationFile) int { return cmp.Compare(a.Version, b.Version) })
	for i := 1; i < len(files); i++ {
		if files[i].Version == files[i-1].Version {
			return nil, invalid(
				files[i].Name,
				"has the same number as "+files[i-1].Name,
				"give one of them the next free number",
			)
		}
	}
	return files, nil
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
