package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"time"

	"fnregistry.dev/cmd/registry_api/api"
	"fnregistry.dev/cmd/registry_api/live"
	"fnregistry.dev/cmd/registry_api/web"
	"fnregistry.dev/fn_registry/registry"
	fnhttp "fnregistry.dev/functions/infra/http"
	"fnregistry.dev/functions/infra/program"
)

// settings are what the program can be told by file, environment and flags.
type settings struct {
	Addr  string        `yaml:"addr" doc:"host:port to listen on; port 0 takes a free one"`
	Root  []string      `yaml:"root" doc:"folder of a repository, or several (default: the working directory)"`
	Host  []string      `yaml:"host" doc:"name that requests may give as their host, besides those of this machine, or several"`
	Cache string        `yaml:"cache" doc:"folder for what is kept between two starts (default: fn_registry in the user's cache folder)"`
	Watch bool          `yaml:"watch" doc:"notice changes of files as they happen"`
	Sweep time.Duration `yaml:"sweep" doc:"time between two looks at all files" min:"1s"`
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

// newHandler puts the routes and what stands before them together, from the inside out.
func newHandler(s *settings, l *live.Live, c *counters, call program.ProgramCall[*settings]) (http.Handler, error) {
	mux := http.NewServeMux()
	api.New(api.Config{Source: l, Metrics: c.handler(l), Version: call.Version}).Mount(mux)
	web.New(l).Mount(mux)
	hosts := s.Host
	if host, _, err := net.SplitHostPort(s.Addr); err == nil && host != "" {
		hosts = append(hosts, host)
	}
	handler := fnhttp.HTTPGzip(mux, fnhttp.HTTPGzipConfig{})
	handler, err := fnhttp.HTTPSameOrigin(handler, fnhttp.HTTPSameOriginConfig{Hosts: hosts})
	if err != nil {
		return nil, err
	}
	handler = fnhttp.HTTPSecurityHeaders(handler, fnhttp.HTTPSecurityHeadersConfig{})
	return fnhttp.HTTPAccessLog(handler, fnhttp.HTTPAccessLogConfig{Logger: call.Log, Observe: c.observe, Skip: isProbe}), nil
}

// isProbe tells requests that come every few seconds and that nobody wants in a log.
func isProbe(r *http.Request) bool {
	return r.URL.Path == "/healthz" || r.URL.Path == "/readyz" || r.URL.Path == "/metrics"
}

// serve runs the server and the registry until ctx is done or one of them fails. The registry is stopped after the
// server, whose last requests still need it.
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
