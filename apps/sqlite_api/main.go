// Command sqlite_api serves SQLite files as a JSON API and pages.
package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"runtime/debug"

	"fnregistry.dev/apps/sqlite_api/data"
	"fnregistry.dev/functions/core"
	fnhttp "fnregistry.dev/functions/infra/http"
	"fnregistry.dev/functions/infra/http/httpsettings"
	"fnregistry.dev/functions/infra/program"
	"fnregistry.dev/functions/infra/service"
)

func main() { program.ProgramMain(newProgram()) }

// settings are what file, environment and flags can set.
type settings struct {
	httpsettings.HTTPSettings          // --addr, --host, --token-file, --behind-proxy
	Write                     bool     `yaml:"write" doc:"let callers with a token change rows"`
	Tokens                    string   `yaml:"tokens" doc:"YAML file of further tokens, and which tables and columns each may read and write"`
	Queries                   string   `yaml:"queries" doc:"YAML file of stored queries, which have pages and URLs of their own"`
	CORS                      []string `yaml:"cors" doc:"origin whose pages may use the API, or several"`
	Audit                     string   `yaml:"audit" doc:"file that gets a line of JSON for each transaction that writes; otherwise it is on stderr"`
	program.ProgramLog                 // --log-level, --log-format, --quiet
}

var defaults = settings{HTTPSettings: httpsettings.HTTPSettings{Addr: "127.0.0.1:8080"}}

const serveHelp = `Each FILE is served under its name without the extension. It is opened read-only
unless --write is given, and then only callers with a token may write. A file that
is called as a command is written ./query.

  sqlite_api shop.db                                   http://127.0.0.1:8080/
  sqlite_api --addr 0.0.0.0:8080 --token-file t shop.db    for other machines, too`

// commands are words that a missing file may have been meant for.
var commands = []string{"schema", "query", "export", "mcp", "config", "completion", "help"}

func newProgram() program.ProgramRunConfig {
	return program.ProgramRunConfig{
		Name: "sqlite_api", Doc: "serves SQLite files as a JSON API and pages",
		Commands: []*program.ProgramCommandHandle{program.ProgramCommand(program.ProgramCommandConfig[*settings]{
			Defaults: &defaults, Run: serve, Help: serveHelp, Args: "FILE...", MinArgs: 1, MaxArgs: -1,
		}), program.ProgramCommand(program.ProgramCommandConfig[*schemaOptions]{
			Name: "schema", Doc: "prints the tables of a file", Args: "FILE [TABLE...]", MinArgs: 1, MaxArgs: -1,
			Run: printSchema, Complete: completeTables[schemaOptions],
		}), program.ProgramCommand(program.ProgramCommandConfig[*queryOptions]{
			Name: "query", Doc: "prints the rows of a SELECT", Help: queryHelp, Args: "FILE SQL", MinArgs: 2, MaxArgs: 2,
			Defaults: &queryOptions{Format: "table"}, Run: runQuery,
		}), program.ProgramCommand(program.ProgramCommandConfig[*exportOptions]{
			Name: "export", Doc: "writes the rows of a table", Help: exportHelp, Args: "FILE TABLE", MinArgs: 2, MaxArgs: 2,
			Defaults: &exportOptions{Format: "csv"}, Run: export, Complete: completeTables[exportOptions],
		}), program.ProgramCommand(program.ProgramCommandConfig[*mcpOptions]{
			Name: "mcp", Doc: "serves coding agents: Model Context Protocol on stdin and stdout", Help: mcpHelp, Args: "FILE...", MinArgs: 1, MaxArgs: -1,
			Run: serveMCP,
		})},
	}
}

// auditLog is where the audit goes without a file of its own: into the log, or,
// where the log leaves such lines out, beside it.
func auditLog(call program.ProgramCall[*settings]) *slog.Logger {
	if call.Log.Enabled(context.Background(), slog.LevelInfo) {
		return call.Log
	}
	return slog.New(slog.NewJSONHandler(call.Stderr, nil))
}

// collectRarely trades memory for time: responses are small garbage, and the
// heap that lives is small, too. GOGC and GOMEMLIMIT win, if set.
func collectRarely() {
	if os.Getenv("GOGC") == "" && os.Getenv("GOMEMLIMIT") == "" {
		debug.SetGCPercent(400)
		debug.SetMemoryLimit(128 << 20) // beyond it the garbage is collected as it comes
	}
}

// serve serves until ctx is done. It prints the address on stdout once it
// accepts connections.
func serve(ctx context.Context, call program.ProgramCall[*settings]) (err error) {
	collectRarely()
	known, err := readTokens(call.Settings.Tokens)
	if err != nil {
		return err
	}
	cfg := data.Config{Files: call.Args, Write: call.Settings.Write, Access: known.all(), Audit: auditLog(call)}
	if path := call.Settings.Audit; path != "" {
		audit, openErr := openAudit(path)
		if openErr != nil {
			return openErr
		}
		defer func() { err = errors.Join(err, audit.close()) }()
		cfg.Audit, cfg.AuditCheck = audit.logger(), audit.check
	}
	set, err := data.Open(ctx, cfg)
	if err != nil {
		if near := core.NameNearest(call.Args[0], commands); near != nil && core.ErrorCode(err) == core.CodeNotFound {
			return &core.Error{Code: core.CodeNotFound, Message: data.Message(err), Hint: core.DidYouMean(near...)}
		}
		return err
	}
	defer func() { err = errors.Join(err, set.Close()) }()
	if err := known.check(ctx, set, call.Log); err != nil {
		return err
	}
	if err := storeQueries(ctx, call.Settings.Queries, set); err != nil {
		return err
	}
	warn(call.Log, call.Settings, known)
	handler, err := newHandler(call, set, known)
	if err != nil {
		return err
	}
	// The services start in this order and stop in reverse: the server is the
	// last, since its last requests may need the others.
	return service.ServiceRun(ctx, service.ServiceRunConfig{Logger: call.Log, Services: []service.ServiceRunEntry{
		{Name: "watch", Start: func(ctx context.Context) (service.Service, error) { return set.Watch(ctx, call.Log) }},
		{Name: "http", Start: func(ctx context.Context) (service.Service, error) {
			cfg := call.Settings.Server()
			cfg.Handler, cfg.Logger, cfg.OnStop = handler, call.Log, set.CloseStreams
			server, err := fnhttp.HTTPServer(ctx, cfg)
			if err != nil {
				return nil, err
			}
			fmt.Fprintf(call.Stdout, "sqlite_api listens on %s\n", server.URL()) // call.Stdout notes errors
			return server, nil
		}},
	}})
}

// warn says what the settings seem to be for, and can't be without a token.
func warn(log *slog.Logger, s *settings, known *tokens) {
	if s.Token.IsSet() || len(known.named) > 0 {
		return
	}
	const hint = "give one by --token-file or --tokens"
	if s.Write {
		log.Warn("nobody can write without a token", "hint", hint)
	}
	host, _, err := net.SplitHostPort(s.Addr)
	if err == nil && host != "localhost" && !net.ParseIP(host).IsLoopback() {
		log.Warn("other machines are refused without a token", "hint", hint)
	}
}
