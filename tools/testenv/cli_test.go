package main

import (
	"strings"
	"testing"
)

// Errors in the arguments are reported before anything is started, with exit
// status 2.
func TestCLI_Errors(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct{ args, message, hint string }{
		"nothing":         {"", "nothing to do", "testenv up -- COMMAND"},
		"verb":            {"upp -- true", `no command "upp"`, "did you mean up?"},
		"other verb":      {"frobnicate", `no command "frobnicate"`, "testenv --help lists the commands"},
		"server":          {"up postgers -- true", `there is no server "postgers"`, "did you mean postgres?"},
		"no dashes":       {"up postgres true", `there is no server "true"`, "-- COMMAND"},
		"homeservers":     {"up matrix matrix=synapse -- true", "only one homeserver", "not both"},
		"no command":      {"up postgres", "no command to run", "-- COMMAND"},
		"empty command":   {"up postgres --", "no command to run", "-- COMMAND"},
		"missing command": {"up postgres -- no-such-command", "no-such-command", "sh -c"},
		"flag":            {"up --verbose -- true", "unknown flag: --verbose", "testenv up --help"},
		"demo's command":  {"demo keyring -- true", "demo runs no command", "testenv up"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			cmd, temp := testenv(t, strings.Fields(test.args)...)
			code, stdout, stderr := result(t, cmd)
			if code != 2 || stdout != "" {
				t.Errorf("exit status %d, stdout %q", code, stdout)
			}
			first, second, _ := strings.Cut(stderr, "\n")
			if !strings.HasPrefix(first, "testenv: error: ") || !strings.Contains(first, test.message) || !strings.Contains(second, test.hint) {
				t.Errorf("said %q", stderr)
			}
			nothingLeft(t, temp, nil)
		})
	}
}

func TestCLI_Help(t *testing.T) {
	t.Parallel()
	for _, args := range []string{"help", "--help", "-h", "up --help", "demo -h"} {
		t.Run(args, func(t *testing.T) {
			t.Parallel()
			cmd, _ := testenv(t, strings.Fields(args)...)
			if code, stdout, stderr := result(t, cmd); code != 0 || !strings.Contains(stdout, help) || stderr != "" {
				t.Errorf("exit status %d, stdout %q, stderr %q", code, stdout, stderr)
			}
		})
	}
}

// What follows -- belongs to the command, including --help.
func TestCLI_CommandKeepsItsArguments(t *testing.T) {
	t.Parallel()
	cmd, _ := testenv(t, "up", "keyring", "--", "echo", "--help", "--", "a b")
	if code, stdout, stderr := result(t, cmd); code != 0 || stdout != "--help -- a b\n" {
		t.Errorf("exit status %d, stdout %q, stderr %q", code, stdout, stderr)
	}
}

func TestCLI_ExitStatus(t *testing.T) {
	t.Parallel()
	for script, want := range map[string]int{"exit 0": 0, "exit 7": 7, "kill -TERM $$": 128 + 15, "kill -KILL $$": 128 + 9} {
		t.Run(script, func(t *testing.T) {
			t.Parallel()
			cmd, temp := testenv(t, "up", "keyring", "--", "sh", "-c", script)
			if code, _, stderr := result(t, cmd); code != want {
				t.Errorf("exit status %d, want %d\n%s", code, want, stderr)
			}
			nothingLeft(t, temp, nil)
		})
	}
}

func TestCLI_StdinReachesCommand(t *testing.T) {
	t.Parallel()
	cmd, _ := testenv(t, "up", "keyring", "--", "cat")
	cmd.Stdin = strings.NewReader("what was piped in")
	if code, stdout, stderr := result(t, cmd); code != 0 || stdout != "what was piped in" {
		t.Errorf("exit status %d, stdout %q, stderr %q", code, stdout, stderr)
	}
}
