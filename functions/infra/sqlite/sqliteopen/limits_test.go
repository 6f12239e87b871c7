package sqliteopen

import (
	"context"
	"io"
	"os"
	osexec "os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"fnregistry.dev/functions/core"
	"fnregistry.dev/functions/infra/sqlite"
)

const childEnv = "SQLITEOPEN_CHILD"

// inChild runs the test alone in a process of its own, since MemoryLimit
// applies to a whole process, and reports whether this is that process.
func inChild(t *testing.T) bool {
	t.Helper()
	if os.Getenv(childEnv) != "" {
		return true
	}
	child := osexec.CommandContext(t.Context(), os.Args[0], "-test.run=^"+t.Name()+"$", "-test.count=1")
	child.Env = append(os.Environ(), childEnv+"=1")
	if out, err := child.CombinedOutput(); err != nil || !strings.Contains(string(out), "PASS") {
		t.Errorf("%v\n%s", err, out)
	}
	return false
}

// SQL whose functions no context stops; each took more than ten times its
// deadline, or all of the memory.
func TestSQLiteOpen_Sandbox(t *testing.T) {
	t.Parallel()
	if !inChild(t) {
		return
	}
	db := mustOpen(t, SQLiteOpenConfig{Path: newFile(t), Sandbox: true})
	exec(t, db.Writer, "CREATE TABLE t (a)")
	other := filepath.Join(t.TempDir(), "other.db")
	for _, query := range []string{
		"SELECT length(randomblob(3e8))",
		"SELECT length(hex(zeroblob(3e8)))",
		"SELECT length(printf('%*c', 300000000, 'x'))",
		"SELECT length(replace(hex(zeroblob(40000)), '0', 'aaaaaaaa'))",
		"SELECT instr(zeroblob(1000000), zeroblob(500000) || x'01')",
		"SELECT '" + strings.Repeat("x", 100_000) + "'",
		"SELECT " + strings.Repeat("(", 200) + "1" + strings.Repeat(")", 200) + " + " + strings.Repeat("-", 300) + "1",
		"SELECT " + strings.Repeat("abs(", 300) + "1" + strings.Repeat(")", 300),
		"SELECT 1" + strings.Repeat(", 1", 300),
		"SELECT 1" + strings.Repeat(" UNION SELECT 1", 100),
		"SELECT 'a' LIKE '" + strings.Repeat("%a", 100) + "'",
		"ATTACH '" + other + "' AS other",
		"VACUUM INTO '" + other + "'",
	} {
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
		_, err := sqlite.SQLiteQueryJSON(ctx, db.Writer, io.Discard, sqlite.SQLiteQueryJSONConfig{Query: query})
		cancel()
		if code := core.ErrorCode(err); code != core.CodeTooLarge && code != core.CodeInvalid && code != core.CodeForbidden {
			t.Errorf("%.60s: %v (%s), want it refused", query, err, code)
		}
	}
	if got := get(t, db.Reader, "SELECT length(zeroblob(90000)) || length(hex(randomblob(40000)))"); got != "9000080000" {
		t.Errorf("got %s for what is within the limits", got)
	}
}

func TestSQLiteOpen_ValueLimit(t *testing.T) {
	t.Parallel()
	db := mustOpen(t, SQLiteOpenConfig{Path: ":memory:", MaxValueBytes: 1000})
	_, err := db.Writer.ExecContext(t.Context(), "SELECT zeroblob(2000)")
	if code := core.ErrorCode(sqlite.SQLiteError("op", err)); code != core.CodeTooLarge {
		t.Errorf("%v (%s)", err, code)
	}
	for _, cfg := range []SQLiteOpenConfig{{MaxValueBytes: -1}, {MemoryLimit: -1}, {MemoryLimit: 1000}} {
		cfg.Path = ":memory:"
		if _, err := SQLiteOpen(t.Context(), cfg); core.ErrorCode(err) != core.CodeInvalid {
			t.Errorf("%+v: %v", cfg, err)
		}
	}
}

func TestSQLiteOpen_MemoryLimit(t *testing.T) {
	t.Parallel()
	if !inChild(t) {
		return
	}
	db := mustOpen(t, SQLiteOpenConfig{Path: ":memory:", MemoryLimit: 16 << 20})
	_, err := db.Writer.ExecContext(t.Context(), "CREATE TEMP TABLE big AS WITH RECURSIVE c(n) AS (SELECT 1 UNION ALL SELECT n+1 FROM c LIMIT 100) SELECT randomblob(500000) FROM c ORDER BY 1")
	if code := core.ErrorCode(sqlite.SQLiteError("op", err)); code != core.CodeTooLarge && code != core.CodeUnavailable {
		t.Errorf("50 MB in memory: %v (%s)", err, code)
	}
	_, err = db.Writer.ExecContext(t.Context(), "SELECT length(zeroblob(30000000) || 'x')")
	if code := core.ErrorCode(sqlite.SQLiteError("op", err)); code != core.CodeTooLarge {
		t.Errorf("30 MB in memory: %v (%s)", err, code)
	}
	if got := get(t, db.Reader, "SELECT 1"); got != "1" {
		t.Errorf("afterwards: %s", got)
	}
}
