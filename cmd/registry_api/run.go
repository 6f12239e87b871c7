package main

import (
	"context"
	"fmt"
	"time"

	"fnregistry.dev/cmd/registry_api/live"
	"fnregistry.dev/fn_registry/registry"
	fnhttp "fnregistry.dev/functions/infra/http"
	"fnregistry.dev/functions/infra/program"
	"fnregistry.dev/functions/infra/service"
)

// settings are read from file, environment and flags.
type settings struct {
	Addr  string        `yaml:"addr" doc:"host:port to listen on; port 0 picks a free one"`
	Root  []string      `yaml:"root" doc:"root folder of a repository, or several (default: the working directory)"`
	Host  []string      `yaml:"host" doc:"allowed host name of requests in addition to this machine's, or several"`
	Cache string        `yaml:"cache" doc:"cache folder (default: fn_registry in the user's cache folder)"`
	Watch bool          `yaml:"watch" doc:"watch the files for changes"`
	Sweep time.Duration `yaml:"sweep" doc:"interval between checks of all files" min:"1s"`
	program.ProgramLog
}

var defaults = settings{Addr: "127.0.0.1:8787", Watch: true, Sweep: 30 * time.Second}

// registryAPI is the program.
func registryAPI() program.ProgramRunConfig {
	return program.ProgramRunConfig{
		Name: "registry_api", Doc: "serves the units of repositories as a JSON API and pages",
		Commands: []*program.ProgramCommandHandle{program.ProgramCommand(program.ProgramCommandConfig[*settings]{
			Defaults: &defaults,
			Run:      run,
		})},
	}
}

// run serves until ctx is done. It prints the address on stdout once it accepts
// connections. The server stops before the registry, which its last requests
// need.
func run(ctx context.Context, call program.ProgramCall[*settings]) error {
	s := call.Settings
	counters := newCounters()
	l := live.New(live.Config{
		Options: registry.Options{Roots: s.Root, Cache: s.Cache, Log: call.Log},
		Watch:   s.Watch, Sweep: s.Sweep, OnRefresh: counters.refreshed, Log: call.Log,
	})
	handler, err := newHandler(s, l, counters, call)
	if err != nil {
		return err
	}
	return service.ServiceRun(ctx, service.ServiceRunConfig{Logger: call.Log, Services: []service.ServiceRunEntry{
		{Name: "registry", Start: l.Start},
		{Name: "http", Start: func(ctx context.Context) (service.Service, error) {
			server, err := fnhttp.HTTPServer(ctx, fnhttp.HTTPServerConfig{Handler: handler, Addr: s.Addr, Logger: call.Log})
			if err != nil {
				return nil, err
			}
			fmt.Fprintf(call.Stdout, "registry_api listens on %s\n", server.URL())
			return server, nil
		}},
	}})
}
