package main

import (
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"fnregistry.dev/tools/testenv/testkit/scripttest"
)

func TestScripts(t *testing.T) {
	scripttest.Run(t, scripttest.Config{Program: "frontmatter-lint", Setup: func(env *testscript.Env) error {
		env.Setenv("GOWORK", "off")
		return nil
	}})
}
