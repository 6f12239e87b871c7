package main

import (
	"os"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"fnregistry.dev/functions/infra/program"
	"fnregistry.dev/tools/testenv/testkit/scripttest"
)

func TestScripts(t *testing.T) {
	scripttest.Run(t, scripttest.Config{Program: "frontmatter-lint", Main: main, Setup: func(env *testscript.Env) error {
		env.Setenv("GOWORK", "off")
		return nil
	}})
}

// The page lists the program's flags.
func TestPage(t *testing.T) {
	t.Parallel()
	about, err := program.ProgramDescribe("frontmatter-lint", defaults)
	if err != nil {
		t.Fatal(err)
	}
	page, err := os.ReadFile("../../docs/frontmatter-lint.md")
	if err != nil || !strings.Contains(string(page), about.Markdown()) {
		t.Errorf("docs/frontmatter-lint.md lacks this table: %v\n%s", err, about.Markdown())
	}
}
