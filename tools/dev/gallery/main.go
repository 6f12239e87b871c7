// Command gallery serves one page for each part of infra/page, to be looked at
// in a browser while one works on it. It listens on loopback and keeps nothing.
package main

import (
	"context"
	"flag"
	"fmt"
	"net/http"
	"os"
	"os/signal"
	"time"

	fnhttp "fnregistry.dev/functions/infra/http"
)

func main() {
	addr := flag.String("addr", "127.0.0.1:8790", "`host:port` to listen on")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	g := newGallery(ctx)
	go g.tick(ctx, time.Second)
	server, err := fnhttp.HTTPServer(ctx, fnhttp.HTTPServerConfig{Addr: *addr, Handler: g.handler()})
	if err == nil {
		fmt.Printf("gallery listens on http://%s\n", server.Addr())
		<-server.Done()
		err = server.Err()
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "gallery:", err)
		os.Exit(1)
	}
}

// handler is the gallery as a program would serve it.
func (g *gallery) handler() http.Handler {
	return fnhttp.HTTPSecurityHeaders(g.mux(), fnhttp.HTTPSecurityHeadersConfig{})
}
