package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"time"

	"fnregistry.dev/cmd/registry_api/live"
	"fnregistry.dev/fn_registry/registry"
	fnhttp "fnregistry.dev/functions/infra/http"
	"fnregistry.dev/functions/infra/program"
)

// settings are what the program can be told by file, environment and flags.
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
// connections.
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
	return serve(ctx, s.Addr, l, handler, call)
}

// serve runs the server and the registry until ctx is done or one of them
// fails. The registry is stopped after the server, whose last requests still
// need it.
func serve(ctx context.Context, addr string, l *live.Live, handler http.Handler, call program.ProgramCall[*settings]) error {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	liveCtx, stopLive := context.WithCancel(context.WithoutCancel(ctx))
	defer stopLive()
	var followed chan error
	err := fnhttp.HTTPServe(ctx, fnhttp.HTTPServeConfig{
		Handler: handler, Addr: addr, Logger: call.Log,
		OnListen: func(addr net.Addr) {
			fmt.Fprintf(call.Stdout, "registry_api listens on http://%s\n", addr)
			followed = make(chan error, 1)
			go func() {
				followed <- l.Run(liveCtx)
				stop() // a server that knows nothing is of no use
			}()
		},
	})
	if followed == nil {
		return err
	}
	stopLive()
	return errors.Join(err, <-followed)
}
