package depstest

import (
	"errors"
	"os"
	"os/exec"
	"regexp"
	"testing"
)

// step runs a command as a step that prints every second that it is still
// running.
func step(t *testing.T, script string) (output string, code int) {
	t.Helper()
	cmd := exec.Command("sh", "../step.sh", "a step", "sh", "-c", script)
	cmd.Env = append(os.Environ(), "STEP_EVERY=1")
	out, err := cmd.CombinedOutput()
	var failed *exec.ExitError
	if errors.As(err, &failed) {
		return string(out), failed.ExitCode()
	} else if err != nil {
		t.Fatal(err)
	}
	return string(out), 0
}

func TestStep(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		script, want string
		code         int
	}{
		{"echo said", `^a step \.\.\.\nsaid\na step: ok, \d+ s\n$`, 0},
		{"exit 3", `^a step \.\.\.\na step: failed, \d+ s\n$`, 3},
		{"sleep 3", `^a step \.\.\.\n(a step \.\.\. \d+ s\n)+a step: ok, \d+ s\n$`, 0},
	} {
		output, code := step(t, c.script)
		if code != c.code || !regexp.MustCompile(c.want).MatchString(output) {
			t.Errorf("%s: exit status %d: %q", c.script, code, output)
		}
	}
}
