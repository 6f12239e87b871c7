package sqltest_test

import (
	"os"
	"os/exec"
	"strings"
	"testing"
)

// breakEnv names how the unit under test is broken, in a child process that is
// expected to fail.
const breakEnv = "SQLTEST_BREAK"

// wantFailures runs the test with this name with a broken unit in a child
// process, and checks that each of the subtests fails.
func wantFailures(t *testing.T, test, broken string, subtests ...string) {
	t.Helper()
	child := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^"+test+"$")
	child.Env = append(os.Environ(), breakEnv+"="+broken)
	out, err := child.CombinedOutput()
	if err == nil {
		t.Errorf("%s passes", broken)
	}
	for _, name := range subtests {
		if want := "--- FAIL: " + test + "/" + name + " "; !strings.Contains(string(out), want) {
			t.Errorf("%s: want %q in\n%s", broken, want, out)
		}
	}
}
