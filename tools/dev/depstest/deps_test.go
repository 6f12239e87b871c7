// Package depstest tests the shell scripts of tools/dev: deps.sh, with a fake
// apt-get, and step.sh.
package depstest

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// fakeAPT fails as its script says, depending on the number of its calls, and
// records its language and arguments.
const fakeAPT = `#!/bin/sh
echo "$LC_ALL" "$@" >> "$DIR/calls"
n=$(wc -l < "$DIR/calls")
`

// deps runs deps.sh as root for a package that does not exist.
func deps(t *testing.T, apt string) (calls, output string, err error) {
	t.Helper()
	dir := t.TempDir()
	for name, script := range map[string]string{"apt-get": fakeAPT + apt, "id": "#!/bin/sh\necho 0\n"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(script), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	return runDeps(t, dir, "sh", "no-such-package")
}

func runDeps(t *testing.T, dir string, packages ...string) (calls, output string, err error) {
	t.Helper()
	cmd := exec.Command("sh", append([]string{"../deps.sh"}, packages...)...)
	cmd.Env = append(os.Environ(), "PATH="+dir+":"+os.Getenv("PATH"), "DIR="+dir, "DEPS_WAIT=0", "LC_ALL=de_DE.UTF-8")
	out, err := cmd.CombinedOutput()
	data, _ := os.ReadFile(filepath.Join(dir, "calls"))
	return string(data), string(out), err
}

func TestDeps_WaitsForLocks(t *testing.T) {
	t.Parallel()
	calls, output, err := deps(t, `
case $n in
1|2) echo 'E: Could not get lock /var/lib/apt/lists/lock. It is held by process 1 (apt-get)' >&2; exit 100;;
4) echo 'E: Unable to lock directory /var/lib/apt/lists/' >&2; exit 100;;
esac
echo noise; echo noise >&2
`)
	const update, install = "C -qq update\n", "C -qq install -y --no-install-recommends no-such-package\n"
	if want := strings.Repeat(update, 3) + strings.Repeat(install, 2); err != nil || calls != want {
		t.Errorf("%v, called with\n%swant\n%s", err, calls, want)
	}
	if output != "installing no-such-package\n" {
		t.Errorf("said %q", output)
	}
}

func TestDeps_OtherFailure(t *testing.T) {
	t.Parallel()
	calls, output, err := deps(t, "echo 'E: Unable to fetch some archives' >&2; exit 100\n")
	if err == nil || strings.Count(calls, "\n") != 1 || !strings.Contains(output, "E: Unable to fetch some archives") {
		t.Errorf("%v, called with %q, said %q", err, calls, output)
	}
}

// A package with a ? is installed by root, and done without by others.
func TestDeps_Optional(t *testing.T) {
	t.Parallel()
	for uid, want := range map[string]string{
		"0":    "C -qq update\nC -qq install -y --no-install-recommends no-such-package\n",
		"1000": "",
	} {
		dir := t.TempDir()
		for name, script := range map[string]string{"apt-get": fakeAPT, "id": "#!/bin/sh\necho " + uid + "\n"} {
			if err := os.WriteFile(filepath.Join(dir, name), []byte(script), 0o755); err != nil {
				t.Fatal(err)
			}
		}
		calls, output, err := runDeps(t, dir, "sh", "sh?", "no-such-package?")
		if err != nil || calls != want {
			t.Errorf("user %s: %v, called with %q, said %q", uid, err, calls, output)
		}
	}
}
