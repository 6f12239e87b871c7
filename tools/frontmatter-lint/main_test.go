package main

import (
	"os"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
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
