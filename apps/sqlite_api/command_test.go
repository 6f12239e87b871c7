package main

import (
	"strings"
	"testing"

	"fnregistry.dev/functions/infra/program"
)

// TestCommands_Commas runs query and export with values that hold commas and
// spaces, which would be lists elsewhere.
func TestCommands_Commas(t *testing.T) {
	t.Parallel()
	shop := shopFile(t)
	for want, args := range map[string][]string{
		"x\r\n\"a, b=c ,\"\r\n": {"query", shop, "SELECT :a || :b AS x", "-p", "a=a, b", "-p", "b==c ,", "--format", "csv"},
		"id\r\n1\r\n3\r\n":      {"export", shop, "album", "--columns", "id", "--where", "id=in.(1,3)"},
		"id\r\n3\r\n":           {"export", shop, "album", "--columns", "id", "--where", "or=(id.eq.1,id.eq.3)", "--where", "stock=eq.0"},
		"a     b       c\n-     -       -\nNULL  'NULL'  \n": {"query", shop, "SELECT NULL AS a, 'NULL' AS b, '' AS c"},
	} {
		var out, errs strings.Builder
		cfg := newProgram()
		cfg.Args, cfg.Stdin, cfg.Stdout, cfg.Stderr = args, strings.NewReader(""), &out, &errs
		cfg.LookupEnv = func(string) (string, bool) { return "", false }
		if status := program.ProgramRun(t.Context(), cfg); status != 0 || out.String() != want {
			t.Errorf("%v: status %d, %q, %s\nwant %q", args[2:], status, &out, &errs, want)
		}
	}
}
