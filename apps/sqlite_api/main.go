// Command sqlite_api serves SQLite files as a JSON API and pages.
package main

import (
	"context"
	"errors"
	"fmt"

	"fnregistry.dev/apps/sqlite_api/data"
	fnhttp "fnregistry.dev/functions/infra/http"
	"fnregistry.dev/functions/infra/http/httpsettings"
	"fnregistry.dev/functions/infra/program"
	"fnregistry.dev/functions/infra/service"
)

func main() { program.ProgramMain(newProgram()) }

// settings are what file, environment and flags can set.
type settings struct {
	httpsettings.HTTPSettings      // --addr, --host, --token-file, --behind-proxy
	Write                     bool `yaml:"write" doc:"let callers with a token change rows"`
	program.ProgramLog             // --log-level, --log-format, --quiet
}

var defaults = settings{HTTPSettings: httpsettings.HTTPSettings{Addr: "127.0.0.1:8080"}}

func newProgram() program.ProgramRunConfig {
	return program.ProgramRunConfig{
		Name: "sqlite_api", Doc: "serves SQLite files as a JSON API and pages",
		Commands: []*program.ProgramCommandHandle{program.ProgramCommand(program.ProgramCommandConfig[*settings]{
			Defaults: &defaults, Run: serve, Args: "FILE...", MinArgs: 1, MaxArgs: -1,
		}), program.ProgramCommand(program.ProgramCommandConfig[*schemaOptions]{
			Name: "schema", Doc: "prints the tables of a file", Args: "FILE", MinArgs: 1, Run: printSchema,
		})},
	}
}

// serve serves until ctx is done. It prints the address on stdout once it
// accepts connections.
func serve(ctx context.Context, call program.ProgramCall[*settings]) (err error) {
	set, err := data.Open(ctx, data.Config{Files: call.Args, Write: call.Settings.Write})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, set.Close()) }()
	handler, err := newHandler(call, set)
	if err != nil {
		return err
	}
	// The services start in this order and stop in reverse: the server is the
	// last, since its last requests may need the others.
	return service.ServiceRun(ctx, service.ServiceRunConfig{Logger: call.Log, Services: []service.ServiceRunEntry{
		{Name: "http", Start: func(ctx context.Context) (service.Service, error) {
			cfg := call.Settings.Server()
			cfg.Handler, cfg.Logger = handler, call.Log
			server, err := fnhttp.HTTPServer(ctx, cfg)
			if err != nil {
				return nil, err
			}
			fmt.Fprintf(call.Stdout, "sqlite_api listens on %s\n", server.URL()) // call.Stdout notes errors
			return server, nil
		}},
	}})
}
