package main

import (
	"net"
	"net/http"
	"slices"
	"strings"

	"fnregistry.dev/cmd/registry_api/api"
	"fnregistry.dev/cmd/registry_api/live"
	"fnregistry.dev/cmd/registry_api/web"
	fnhttp "fnregistry.dev/functions/infra/http"
	"fnregistry.dev/functions/infra/program"
)

// newHandler combines the API, the pages and the middleware in front of them.
func newHandler(s *settings, l *live.Live, c *counters, call program.ProgramCall[*settings]) (http.Handler, error) {
	mux := http.NewServeMux()
	endpoints := api.New(api.Config{Source: l, Metrics: c.handler(l), Version: call.Version})
	endpoints.Mount(mux)
	pages := web.New(l)
	pages.Mount(mux)
	notFound := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasPrefix(r.URL.Path, "/api/") {
			endpoints.NotFound(w, r)
			return
		}
		pages.NotFound(w, r)
	})
	hosts := slices.Clone(s.Host) // names that requests may use for the server
	if host, _, err := net.SplitHostPort(s.Addr); err == nil && host != "" {
		hosts = append(hosts, host)
	}
	return endpoints.Stack(fnhttp.HTTPMux(mux, fnhttp.HTTPMuxConfig{NotFound: notFound}), fnhttp.HTTPStackConfig{
		Access: fnhttp.HTTPStackPublic, // it only shows source, which everyone who reaches it may read
		Hosts:  hosts, MaxBodyBytes: api.MaxBody, Logger: call.Log, Observe: c.observe,
	})
}
