package main

import (
	"fmt"
	"os/exec"
	"slices"
	"strings"

	"fnregistry.dev/functions/core"
	"fnregistry.dev/tools/testenv/internal/world"
)

const help = `testenv runs a command with real servers at hand, and ends them with it.

  testenv up [SERVER ...] -- COMMAND [ARGUMENT ...]   start servers, run COMMAND, end the servers
  testenv demo [SERVER ...]                           start servers, say how to reach them, end on Ctrl-C
  testenv help                                        this text

Servers; without names, the first four are started:

  postgres         Debian's PostgreSQL. fsync is on
  clickhouse       Debian's ClickHouse (18.16), native protocol
  keyring          a D-Bus session with gnome-keyring, unlocked
  matrix           the Matrix homeserver Dendrite, built from source once, on SQLite
  matrix=synapse   the homeserver Synapse instead, from PyPI; on the PostgreSQL of the same run if there is one, else on SQLite

They listen on free ports of 127.0.0.1, keep their data in a temporary folder, and all have random passwords. COMMAND
starts when all answer, and finds them in its environment:

  TESTENV_POSTGRES_URL          postgres://testenv:PASSWORD@127.0.0.1:PORT/postgres?sslmode=disable, a superuser
  TESTENV_CLICKHOUSE_ADDR       127.0.0.1:PORT; the user is default, and so is the database
  TESTENV_CLICKHOUSE_PASSWORD
  TESTENV_KEYRING               1; the keyring is reached by DBUS_SESSION_BUS_ADDRESS, which is set, too
  TESTENV_MATRIX_URL            http://127.0.0.1:PORT
  TESTENV_MATRIX_SERVER_NAME    the part of user IDs after the colon
  TESTENV_MATRIX_SHARED_SECRET  to register users by /_synapse/admin/v1/register; open registration is off
  TESTENV_MATRIX_KIND           dendrite or synapse
  TESTENV_CONTROL               http://127.0.0.1:PORT, where COMMAND can start, kill and restart servers of its own,
  TESTENV_CONTROL_TOKEN         with this bearer token; Go tests do so by the package testkit/servers

Nothing outlives testenv: not its servers, nor what COMMAND has left in the background, also when testenv is interrupted
or killed (SIGKILL). A signal is passed on to COMMAND, which has 10 seconds then; a second one ends it at once.

What is missing is installed by apt, as root on Debian; elsewhere testenv names the package. What is built or downloaded is
kept in testenv below the user's cache folder (XDG_CACHE_HOME).

Exit status: that of COMMAND (128 and the signal's number if one ended it), or 2 if COMMAND was not run.

Examples:

  testenv up -- go test ./...
  testenv up postgres -- sh -c 'psql "$TESTENV_POSTGRES_URL"'
  testenv up postgres matrix=synapse -- go test ./functions/infra/matrix/...
  testenv demo postgres clickhouse
`

// order is what the arguments ask for.
type order struct {
	help    bool
	kinds   []string
	matrix  string   // the kind of homeserver
	command []string // empty for demo
}

var verbs = []string{"up", "demo", "help"}

// parse reads the arguments.
func parse(args []string) (order, error) {
	if len(args) == 0 {
		return order{}, wrong("nothing to do", "testenv up -- COMMAND, testenv demo, or testenv help")
	}
	verb, rest := args[0], args[1:]
	dashes := slices.Index(rest, "--")
	servers := rest
	if dashes >= 0 {
		servers = rest[:dashes]
	}
	if slices.ContainsFunc(append([]string{verb}, servers...), isHelp) {
		return order{help: true}, nil
	}
	if !slices.Contains(verbs, verb) {
		hint := "there are " + strings.Join(verbs, ", ")
		if near := world.Near(verb, verbs); near != "" {
			hint = fmt.Sprintf("did you mean %s?", near)
		}
		return order{}, wrong(fmt.Sprintf("there is no command %q", verb), hint)
	}
	for _, s := range servers {
		if strings.HasPrefix(s, "-") {
			return order{}, wrong(fmt.Sprintf("there is no flag %s", s), "see testenv help; what follows -- is the command")
		}
	}
	kinds, matrix, err := world.Kinds(servers)
	if err != nil && verb == "up" && dashes < 0 {
		return order{}, wrong(err.Error(), "servers come before --, the command after it: testenv up SERVER ... -- COMMAND")
	}
	if err != nil {
		return order{}, err
	}
	o := order{kinds: kinds, matrix: matrix}
	switch {
	case verb == "demo" && dashes >= 0:
		return order{}, wrong("demo runs no command", "testenv up runs one")
	case verb == "demo":
		return o, nil
	case dashes < 0 || dashes == len(rest)-1:
		return order{}, wrong("there is no command to run", "testenv up SERVER ... -- COMMAND; testenv demo runs without one")
	}
	o.command = rest[dashes+1:]
	if _, err := exec.LookPath(o.command[0]); err != nil {
		return order{}, wrong(fmt.Sprintf("the command can't be run: %v", err), "what follows -- is a program and its arguments; for a shell, write sh -c '...'")
	}
	return o, nil
}

func isHelp(arg string) bool { return slices.Contains([]string{"help", "-h", "-help", "--help"}, arg) }

func wrong(message, hint string) error {
	return &core.Error{Code: core.CodeInvalid, Message: message, Hint: hint}
}
