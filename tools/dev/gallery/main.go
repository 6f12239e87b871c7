// Command gallery serves one page for each part of infra/page, to be viewed in
// a browser while working on it. It listens on loopback and stores nothing.
package main

import (
	"context"
	"fmt"
	"net/http"
	"time"

	fnhttp "fnregistry.dev/functions/infra/http"
	"fnregistry.dev/functions/infra/program"
)

type settings struct {
	Addr string `yaml:"-" flag:"addr" doc:"host:port to listen on"`
}

func main() {
	program.ProgramMain(program.ProgramRunConfig{
		Name: "gallery", Doc: "serve one page for each part of infra/page",
		Commands: []*program.ProgramCommandHandle{program.ProgramCommand(program.ProgramCommandConfig[*settings]{
			Defaults: &settings{Addr: "127.0.0.1:8790"}, Run: serve,
		})},
	})
}

func serve(ctx context.Context, call program.ProgramCall[*settings]) error {
	g := newGallery(ctx)
	go g.tick(ctx, time.Second)
	server, err := fnhttp.HTTPServer(ctx, fnhttp.HTTPServerConfig{Addr: call.Settings.Addr, Handler: g.handler()})
	if err != nil {
		return err
	}
	fmt.Fprintf(call.Stdout, "gallery listens on %s\n", server.URL())
	<-server.Done()
	return server.Err()
}

// handler is the gallery as a program would serve it.
func (g *gallery) handler() http.Handler {
	return fnhttp.HTTPSecurityHeaders(g.mux(), fnhttp.HTTPSecurityHeadersConfig{})
}
