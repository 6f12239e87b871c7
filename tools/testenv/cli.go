package main

import (
	"context"
	"os/exec"

	"fnregistry.dev/functions/core"
	"fnregistry.dev/functions/infra/program"
	"fnregistry.dev/tools/testenv/internal/world"
)

const help = `Servers; without names, the first four are started:

  postgres         Debian's PostgreSQL, with fsync on
  clickhouse       Debian's ClickHouse (18.16), native protocol
  keyring          a D-Bus session with gnome-keyring, unlocked
  matrix           the Matrix homeserver Dendrite, built from source once, on SQLite
  matrix=synapse   the homeserver Synapse instead, from PyPI; on the PostgreSQL of the same run if there is one, else on SQLite

They listen on free ports of 127.0.0.1, keep their data in a temporary folder, and all have random passwords. COMMAND
starts when all answer, and finds their addresses in its environment:

  TESTENV_POSTGRES_URL          postgres://testenv:PASSWORD@127.0.0.1:PORT/postgres?sslmode=disable, a superuser
  TESTENV_CLICKHOUSE_ADDR       127.0.0.1:PORT; the user is default, and so is the database
  TESTENV_CLICKHOUSE_PASSWORD
  TESTENV_KEYRING               1; its address is in DBUS_SESSION_BUS_ADDRESS
  TESTENV_MATRIX_URL            http://127.0.0.1:PORT
  TESTENV_MATRIX_SERVER_NAME    the part of user IDs after the colon
  TESTENV_MATRIX_SHARED_SECRET  to register users with /_synapse/admin/v1/register; open registration is off
  TESTENV_MATRIX_KIND           dendrite or synapse
  TESTENV_CONTROL               http://127.0.0.1:PORT, where COMMAND can start, kill and restart servers of its own,
  TESTENV_CONTROL_TOKEN         with this bearer token; Go tests use the package testkit/servers

Servers and background processes of COMMAND end with testenv, even if it is interrupted or killed (SIGKILL). Signals are passed on to COMMAND, which then has 10 seconds; a second one ends it
immediately.

Missing packages are installed with apt, as root on Debian; elsewhere testenv names the package. Built and downloaded files are
kept in testenv below the user's cache folder (XDG_CACHE_HOME).

Exit status: that of COMMAND (128 plus the signal's number if a signal ended it), or 2 if COMMAND was not run.

Examples:

  testenv up -- go test ./...
  testenv up postgres -- sh -c 'psql "$TESTENV_POSTGRES_URL"'
  testenv up postgres matrix=synapse -- go test ./functions/infra/matrix/...
  testenv demo postgres clickhouse
`

// order is what the arguments request.
type order struct {
	kinds   []string
	matrix  string   // the kind of homeserver
	command []string // empty for demo
}

// testenvProgram parses an order and executes it with do, which returns the
// exit status. Package guard handles its signals.
func testenvProgram(do func(order) (int, error)) program.ProgramRunConfig {
	command := func(name, args, doc string, parse func(servers []string, call program.ProgramCall[*struct{}]) (order, error)) *program.ProgramCommandHandle {
		return program.ProgramCommand(program.ProgramCommandConfig[*struct{}]{
			Name: name, Args: args, MaxArgs: -1, Doc: doc, Help: help,
			Complete: func(_ context.Context, c program.ProgramCompletion[*struct{}]) []string {
				return []string{"postgres", "clickhouse", "keyring", "matrix", "matrix=synapse"}
			},
			Run: func(_ context.Context, call program.ProgramCall[*struct{}]) error {
				servers := call.Args
				if call.Dash >= 0 {
					servers = servers[:call.Dash]
				}
				o, err := parse(servers, call)
				if err != nil {
					return err
				}
				status, err := do(o)
				if err == nil {
					err = program.ProgramExit(status)
				}
				return err
			},
		})
	}
	nothing := program.ProgramCommand(program.ProgramCommandConfig[*struct{}]{Run: func(context.Context, program.ProgramCall[*struct{}]) error {
		return wrong("nothing to do", "testenv up -- COMMAND, testenv demo, or testenv help")
	}})
	return program.ProgramRunConfig{
		Name: "testenv", Doc: "starts real servers for a command and stops them when it ends", Help: help,
		ExitCode: func(error) int { return exitNotStarted },
		Commands: []*program.ProgramCommandHandle{
			nothing,
			command("up", "[SERVER...] -- COMMAND [ARGUMENT...]", "start servers, run COMMAND, stop the servers", parseUp),
			command("demo", "[SERVER...]", "start servers, print their addresses, stop on Ctrl-C", parseDemo),
		},
	}
}

func parseUp(servers []string, call program.ProgramCall[*struct{}]) (order, error) {
	kinds, matrix, err := world.Kinds(servers)
	switch {
	case err != nil && call.Dash < 0:
		return order{}, &core.Error{
			Code: core.CodeInvalid, Hint: "servers come before --, the command after it: testenv up SERVER ... -- COMMAND", Err: err,
		}
	case err != nil:
		return order{}, err
	case call.Dash < 0 || call.Dash == len(call.Args):
		return order{}, wrong(
			"there is no command to run",
			"testenv up SERVER ... -- COMMAND; testenv demo runs without one",
		)
	}
	o := order{kinds: kinds, matrix: matrix, command: call.Args[call.Dash:]}
	if _, err := exec.LookPath(o.command[0]); err != nil {
		return order{}, &core.Error{
			Code: core.CodeInvalid, Message: "the command can't be run",
			Hint: "what follows -- is a program and its arguments; for a shell, write sh -c '...'", Err: err,
		}
	}
	return o, nil
}

func parseDemo(servers []string, call program.ProgramCall[*struct{}]) (order, error) {
	if call.Dash >= 0 {
		return order{}, wrong("demo runs no command", "testenv up runs one")
	}
	kinds, matrix, err := world.Kinds(servers)
	return order{kinds: kinds, matrix: matrix}, err
}

func wrong(message, hint string) error {
	return &core.Error{Code: core.CodeInvalid, Message: message, Hint: hint}
}
