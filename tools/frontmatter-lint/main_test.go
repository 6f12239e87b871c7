package main

import (
	"os"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"fnregistry.dev/functions/infra/program"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"frontmatter-lint": main})
}

func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata/script",
		RequireExplicitExec: true,
		Setup: func(env *testscript.Env) error {
			// The snapshot goes to a cache of the script's own; go's build cache is shared, or examples would compile for minutes.
			for _, name := range []string{"GOCACHE", "GOMODCACHE", "GOPATH"} {
				if dir := goEnv(name); dir != "" {
					env.Setenv(name, dir)
				}
			}
			env.Setenv("GOWORK", "off")
			env.Setenv("XDG_CACHE_HOME", env.WorkDir+"/.cache")
			return os.MkdirAll(env.WorkDir+"/.cache", 0o755)
		},
	})
}

// The page has the flags as the program knows them.
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
