package postgresmigrate

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"fnregistry.dev/functions/core"
	"github.com/jackc/pgx/v5/pgconn"
)

type migrationFile struct {
	PostgresMigrateFile
	content   string // as it lies in the folder, with \n
	annotated bool   // has goose's annotations
}

// migrationFiles reads and checks all *.sql files of a folder. Other files there are left alone.
func migrationFiles(fsys fs.FS, dir string) ([]migrationFile, error) {
	if fsys == nil {
		return nil, invalidFile("", "no FS given", "")
	}
	dir = cmp.Or(dir, ".")
	entries, err := fs.ReadDir(fsys, dir)
	if err != nil {
		return nil, &core.Error{Op: "postgres_migrate", Code: core.ErrorCode(err), Err: err}
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
		return nil, invalidFile("", fmt.Sprintf("no *.sql file in folder %q", dir), "an embed.FS keeps the folder's name: //go:embed migrations/*.sql wants Dir \"migrations\"")
	}
	slices.SortFunc(files, func(a, b migrationFile) int { return cmp.Compare(a.Version, b.Version) })
	for i := 1; i < len(files); i++ {
		if files[i].Version == files[i-1].Version {
			return nil, invalidFile(files[i].Name, "has the same number as "+files[i-1].Name, "give one of them the next free number")
		}
	}
	return files, nil
}

func readMigration(fsys fs.FS, dir, name string) (migrationFile, error) {
	file := migrationFile{}
	var ok bool
	if file.Version, ok = fileVersion(name); !ok {
		return file, invalidFile(name, "bad name", "names are like 0001_create_users.sql, numbers begin at 1; there are no down files")
	}
	content, err := fs.ReadFile(fsys, path.Join(dir, name))
	if err != nil {
		return file, &core.Error{Op: "postgres_migrate", Code: core.ErrorCode(err), Err: err}
	}
	// A checkout may turn line ends into \r\n; that changes no history.
	content = bytes.ReplaceAll(content, []byte("\r\n"), []byte("\n"))
	sum := sha256.Sum256(content)
	file.Name, file.Checksum = name, hex.EncodeToString(sum[:])
	file.content = strings.TrimPrefix(string(content), "\ufeff")
	file.annotated = annotation.MatchString(file.content)
	return file, file.check()
}

var (
	annotation = regexp.MustCompile(`(?m)^--[ \t]*\+goose\b`)
	// A statement that ends the transaction in which goose runs the file. In PL/pgSQL, BEGIN has no semicolon.
	transaction = regexp.MustCompile(`(?im)^[ \t]*(begin|start[ \t]+transaction|commit|end|rollback|abort)([ \t]+(work|transaction))?[ \t]*;`)
	comment     = regexp.MustCompile(`--[^\n]*`)
	dollarTag   = regexp.MustCompile(`\$([A-Za-z_][A-Za-z_0-9]*)?\$`)
)

func (f migrationFile) check() error {
	switch {
	case strings.IndexByte(f.content, 0) >= 0 || !utf8.ValidString(f.content):
		return invalidFile(f.Name, "is not UTF-8 text", "")
	case strings.TrimSpace(comment.ReplaceAllString(f.content, "")) == "":
		return invalidFile(f.Name, "holds no SQL statement", "")
	}
	text := blankBodies(f.content)
	if at := transaction.FindStringIndex(text); at != nil {
		line := 1 + strings.Count(text[:at[0]], "\n")
		return invalidFile(fmt.Sprintf("%s:%d", f.Name, line), strings.TrimSpace(text[at[0]:at[1]])+" in a migration", "each file already runs in a transaction of its own")
	}
	return nil
}

// blankBodies takes out what stands in dollar quotes, but for its line ends: a procedure may hold a COMMIT.
func blankBodies(text string) string {
	var out strings.Builder
	for {
		at := dollarTag.FindStringIndex(text)
		if at == nil {
			out.WriteString(text)
			return out.String()
		}
		tag := text[at[0]:at[1]]
		body, rest, _ := strings.Cut(text[at[1]:], tag)
		out.WriteString(text[:at[0]])
		out.WriteString(strings.Repeat("\n", strings.Count(body, "\n")))
		text = rest
	}
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

// statement is what goose sends of a plain file: it leaves out comments and empty lines at the begin.
func (f migrationFile) statement() (text string, skippedLines int) {
	text = f.content
	for {
		line, rest, found := strings.Cut(text, "\n")
		if trimmed := strings.TrimSpace(line); !found || trimmed != "" && !strings.HasPrefix(trimmed, "--") {
			return text, skippedLines
		}
		text = rest
		skippedLines++
	}
}

// lineOf returns ":LINE" where the server gave a position in a plain file; of an annotated one goose sends single
// statements, and nobody knows where they stood.
func (f migrationFile) lineOf(err error) string {
	server, ok := errors.AsType[*pgconn.PgError](err)
	if !ok || f.annotated || server.Position <= 0 {
		return ""
	}
	text, line := f.statement()
	position := int32(0)
	for _, r := range text {
		if position++; position >= server.Position {
			break
		}
		if r == '\n' {
			line++
		}
	}
	return fmt.Sprintf(":%d", line+1)
}

func isTableName(name string) bool {
	return len(name) <= 63 && tableName.MatchString(name)
}

var tableName = regexp.MustCompile(`^[a-z_][a-z_0-9]*$`)

func invalidFile(file, message, hint string) error {
	return &core.Error{Code: core.CodeInvalid, Op: strings.TrimSpace("postgres_migrate " + file), Message: message, Hint: hint}
}
