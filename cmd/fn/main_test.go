package main

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
	"github.com/rogpeppe/go-internal/txtar"

	"fnregistry.dev/tools/testenv/testkit/scripttest"
)

// repos are the repositories that each script finds as folders: testdata/repos.
var repos = []string{"many", "modules", "flat"}

func TestScripts(t *testing.T) {
	t.Parallel()
	scripttest.Run(t, scripttest.Config{Program: "fn", Main: main, Setup: func(env *testscript.Env) error {
		for _, name := range repos {
			if err := unpack(name, filepath.Join(env.WorkDir, name)); err != nil {
				return err
			}
		}
		return nil
	}})
}

// unpack writes a repository of testdata/repos.
func unpack(name, dir string) error {
	a, err := txtar.ParseFile(filepath.Join("testdata", "repos", name+".txtar"))
	if err != nil {
		return err
	}
	if err := os.Mkdir(dir, 0o755); err != nil {
		return err
	}
	return txtar.Write(a, dir)
}
