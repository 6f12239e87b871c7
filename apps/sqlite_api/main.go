// Command sqlite_api serves SQLite files as a JSON API and pages.
package main

import (
	"context"
	"fmt"

	fnhttp "fnregistry.dev/functions/infra/http"
	"fnregistry.dev/functions/infra/http/httpsettings"
	"fnregistry.dev/functions/infra/program"
	"fnregistry.dev/functions/infra/service"
)

func main() { program.ProgramMain(newProgram()) }

// settings are what file, environment and flags can set.
type settings struct {
	httpsettings.HTTPSettings // --addr, --host, --token-file, --behind-proxy
	program.ProgramLog        // --log-level, --log-format, --quiet
}

var defaults = settings{HTTPSettings: httpsettings.HTTPSettings{Addr: "127.0.0.1:8080"}}

func newProgram() program.ProgramRunConfig {
	return program.ProgramRunConfig{
		Name: "sqlite_api", Doc: "serves SQLite files as a JSON API and pages",
		Commands: []*program.ProgramCommandHandle{program.ProgramCommand(program.ProgramCommandConfig[*settings]{
			Defaults: &defaults, Run: run,
		})},
	}
}

// run serves until ctx is done. It prints the address on stdout once it accepts
// connections.
func run(ctx context.Context, call program.ProgramCall[*settings]) error {
	handler, err := newHandler(call)
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
