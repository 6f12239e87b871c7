package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"fnregistry.dev/functions/infra/program"
)

// runProgram runs a command with a text on stdin.
func runProgram(t *testing.T, stdin string, args ...string) (status int, stdout, stderr string) {
	t.Helper()
	var out, errs strings.Builder
	cfg := newProgram()
	cfg.Args, cfg.Stdin, cfg.Stdout, cfg.Stderr = args, strings.NewReader(stdin), &out, &errs
	cfg.LookupEnv = func(string) (string, bool) { return "", false }
	return program.ProgramRun(t.Context(), cfg), out.String(), errs.String()
}

const endless = "WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x+1 FROM c) SELECT count(*) FROM c"

// TestCommands runs schema, query and export over a file.
func TestCommands(t *testing.T) {
	t.Parallel()
	shop := shopFile(t)
	for name, c := range map[string]struct {
		args   []string
		stdin  string
		status int
		stdout string // the whole of it
		stderr string // a part of it
	}{
		"schema":            {args: []string{"schema", shop, "mixed"}, stdout: "table mixed\n  k    \n  v    \n"},
		"schema sql":        {args: []string{"schema", "--sql", shop, "mixed"}, stdout: "CREATE TABLE mixed (k, v);\n"},
		"schema typo":       {args: []string{"schema", shop, "albun"}, status: 66, stderr: "did you mean album?"},
		"schema both":       {args: []string{"schema", shop, "--sql", "--json"}, status: 64, stderr: "don't go together"},
		"no file":           {args: []string{"schema", shop + "x"}, status: 66, stderr: "no file "},
		"no database":       {args: []string{"schema", "main.go"}, status: 64, stderr: "not a SQLite database"},
		"query":             {args: []string{"query", shop, "SELECT 1 AS a, NULL AS b, 'NULL' AS c, x'01' AS d"}, stdout: "a  b     c       d\n1  NULL  'NULL'  x'01'\n"},
		"query parameter":   {args: []string{"query", shop, "SELECT name FROM artist WHERE id = :id", "id=2", "--format", "csv"}, stdout: "name\r\nBjörk\r\n"},
		"query stdin":       {args: []string{"query", shop, "-", "--format=json"}, stdin: "SELECT stock FROM album WHERE id = 1", stdout: `[{"stock":9007199254740993}]` + "\n"},
		"query limit":       {args: []string{"query", shop, "SELECT id FROM artist", "--limit", "1"}, stdout: "id\n1\n", stderr: "only the first 1 rows"},
		"query escape":      {args: []string{"query", shop, "SELECT char(27) || '[31m' || char(10) AS a"}, stdout: "a\n [31m\\n\n"},
		"query write":       {args: []string{"query", shop, "DELETE FROM album"}, status: 77, stderr: "not a read-only statement"},
		"query hidden":      {args: []string{"query", shop, "WITH x AS (SELECT 1) DELETE FROM album"}, status: 77},
		"query slow":        {args: []string{"query", shop, endless, "--timeout", "50ms"}, status: 75, stderr: "deadline"},
		"query no value":    {args: []string{"query", shop, "SELECT :a"}, status: 64, stderr: "no value for parameter :a"},
		"query twice":       {args: []string{"query", shop, "SELECT :a", "a=1", "a=2"}, status: 64, stderr: "given twice"},
		"query not a value": {args: []string{"query", shop, "SELECT", "1"}, status: 64, stderr: "no NAME=VALUE"},
		"export": {
			args:   []string{"export", shop, "album", "--where", "price=gte.8", "--columns", "id,title", "--order", "title.desc"},
			stdout: "id,title\r\n2,High'way\r\n1,Back in Black\r\n",
		},
		"export names":       {args: []string{"export", shop, "a/b", "--format", "ndjson"}, stdout: `{"x y":"<b>","]":"quote\"","limit":5}` + "\n"},
		"export sql":         {args: []string{"export", shop, "--sql", "SELECT 1 AS a", "--format", "json"}, stdout: "[{\"a\":1}]\n"},
		"export nothing":     {args: []string{"export", shop}, status: 64, stderr: "either a table or --sql"},
		"export no column":   {args: []string{"export", shop, "album", "--where", "nothing=eq.1"}, status: 64, stderr: `no column "nothing"`},
		"export wrong where": {args: []string{"export", shop, "album", "--where", "select=id"}, status: 64, stderr: "use --columns"},
		"export wrong form":  {args: []string{"export", shop, "album", "--format", "parquet"}, status: 64, stderr: "csv"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			status, stdout, stderr := runProgram(t, c.stdin, c.args...)
			if status != c.status || stdout != c.stdout || !strings.Contains(stderr, c.stderr) {
				t.Errorf("status %d, stdout %q, stderr %q\nwant %d, %q, %q", status, stdout, stderr, c.status, c.stdout, c.stderr)
			}
		})
	}
}

// TestExport_File writes a file once, and leaves nothing behind where the query
// fails on the way.
func TestExport_File(t *testing.T) {
	t.Parallel()
	shop, dir := shopFile(t), t.TempDir()
	path := filepath.Join(dir, "out.ndjson")
	export := func(query string) int {
		status, _, _ := runProgram(t, "", "export", shop, "--sql", query, "--format", "ndjson", "-o", path)
		return status
	}
	// It fails at the last of 100,000 rows.
	const broken = "WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x+1 FROM c WHERE x < 100000) " +
		"SELECT x, CASE WHEN x = 100000 THEN json('{') END AS j FROM c"
	if status := export(broken); status == 0 {
		t.Error("a broken export is reported as whole")
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) != 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
	if status := export("SELECT 1 AS a"); status != 0 {
		t.Fatalf("status %d", status)
	}
	if status := export("SELECT 2 AS a"); status != 73 {
		t.Errorf("an existing file: status %d, want 73", status)
	}
	if text, err := os.ReadFile(path); err != nil || string(text) != "{\"a\":1}\n" {
		t.Errorf("%q, %v", text, err)
	}
}
