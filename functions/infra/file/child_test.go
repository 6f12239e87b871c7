//go:build unix

package file_test

import (
	"os"
	"testing"

	"fnregistry.dev/functions/internal/childtest"
)

// children are run by this test binary as another process.
var children = map[string]func(args []string) string{}

func TestMain(m *testing.M) {
	childtest.Play(children)
	os.Exit(m.Run())
}
