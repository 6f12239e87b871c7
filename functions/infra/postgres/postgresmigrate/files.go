package postgresmigrate

import (
	"errors"
	"fmt"
	"io/fs"
	"regexp"
	"strings"
	"unicode/utf8"

	"github.com/jackc/pgx/v5/pgconn"

	"fnregistry.dev/functions/core"
	"fnregistry.dev/functions/infra/migration"
)

type migrationFile struct {
	migration.MigrationFile
	content   string // of the file, with \n as line ends
	annotated bool   // has goose's annotations
}

// migrationFiles reads and checks all *.sql files of a folder.
func migrationFiles(fsys fs.FS, dir string) ([]migrationFile, error) {
	found, err := migration.MigrationFiles("postgres_migrate", fsys, dir)
	if err != nil {
		return nil, err
	}
	files := make([]migrationFile, len(found))
	for i, f := range found {
		content := strings.TrimPrefix(f.Content, "\ufeff")
		files[i] = migrationFile{
			MigrationFile: f,
			content:       content, annotated: annotation.MatchString(content),
		}
		if err := files[i].check(); err != nil {
			return nil, err
		}
	}
	return files, nil
}

var (
	annotation = regexp.MustCompile(`(?m)^--[ \t]*\+goose\b`)
	// A statement that begins or ends a transaction: goose runs the file in
	// one. Quoted text has been blanked by then.
	transaction = regexp.MustCompile(`(?is)(?:^|;)\s*((?:begin|start\s+transaction|commit|end|rollback|abort|prepare\s+transaction)\b[^;]*;?)`)
	toSavepoint = regexp.MustCompile(`(?is)^rollback\s+((work|transaction)\s+)?to\b`)
	// The body of a function in standard SQL, whose END comes after a
	// semicolon.
	atomicBody = regexp.MustCompile(`(?is)\bbegin\s+atomic\b(.*?;)?\s*end\b`)
	comment    = regexp.MustCompile(`--[^\n]*`)
)

func (f migrationFile) check() error {
	switch {
	case strings.IndexByte(f.content, 0) >= 0 || !utf8.ValidString(f.content):
		return invalidFile(f.Name, "is not UTF-8 text", "")
	case strings.TrimSpace(comment.ReplaceAllString(f.content, "")) == "":
		return invalidFile(f.Name, "holds no SQL statement", "")
	}
	text := atomicBody.ReplaceAllStringFunc(blankQuoted(f.content), blank)
	for _, at := range transaction.FindAllStringSubmatchIndex(text, -1) {
		found := strings.TrimSpace(text[at[2]:at[3]])
		if toSavepoint.MatchString(found) {
			continue
		}
		line := 1 + strings.Count(text[:at[2]], "\n")
		return invalidFile(fmt.Sprintf("%s:%d", f.Name, line), strings.Join(strings.Fields(found), " ")+" in a migration",
			"each file already runs in a transaction of its own")
	}
	return nil
}

// blank removes everything from a text but its line breaks.
func blank(text string) string {
	return strings.Map(func(r rune) rune {
		if r == '\n' {
			return r
		}
		return ' '
	}, text)
}

// statement returns what goose sends for a plain file: it omits leading
// comments and empty lines.
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

// lineOf returns ":LINE" if the server reported a position in a plain file;
// from an annotated one goose sends single statements, whose position is
// unknown.
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
	return &core.Error{Code: core.CodeInvalid, Op: "postgres_migrate file=" + file, Message: message, Hint: hint}
}
