// Package control is the HTTP API by which a test starts servers of its own,
// and kills and restarts them.
//
//	POST   /v1/servers {"kind":"postgres"}   200 {"id":"5","kind":"postgres","env":{...}}, when it answers
//	POST   /v1/servers/{id}/kill             204: SIGKILL to all its processes; the data stay
//	POST   /v1/servers/{id}/stop             204: ended gracefully; the data stay
//	POST   /v1/servers/{id}/restart          204: answers again, on the same port and data
//	DELETE /v1/servers/{id}                  204: ended, and its data removed
//
// Each request carries the run's token. Errors are problem JSON (RFC 9457).
package control

import (
	"context"
	"log/slog"
	"net/http"

	fnhttp "fnregistry.dev/functions/infra/http"
	"fnregistry.dev/tools/testenv/internal/world"
)

type startRequest struct {
	Kind string `json:"kind"`
}

type startAnswer struct {
	ID   string            `json:"id"`
	Kind string            `json:"kind"`
	Env  map[string]string `json:"env"`
}

type serverRequest struct {
	ID string `json:"-" path:"id"`
}

type none = struct{}

// Handler serves the API to clients with the token.
func Handler(w *world.World, token string) (http.Handler, error) {
	mux := http.NewServeMux()
	bounds := fnhttp.HTTPJSONConfig{MaxBytes: 4 << 10}
	mux.Handle("POST /v1/servers", fnhttp.HTTPJSON(func(ctx context.Context, in startRequest) (startAnswer, error) {
		s, err := w.Start(ctx, in.Kind)
		if err != nil {
			return startAnswer{}, err
		}
		return startAnswer{ID: s.ID, Kind: s.Kind, Env: s.Env()}, nil
	}, bounds))
	on := func(pattern string, do func(context.Context, *world.Server) error) {
		mux.Handle(pattern, fnhttp.HTTPJSON(func(ctx context.Context, in serverRequest) (none, error) {
			s, err := w.Server(in.ID)
			if err != nil {
				return none{}, err
			}
			return none{}, do(ctx, s)
		}, bounds))
	}
	on("POST /v1/servers/{id}/kill", func(_ context.Context, s *world.Server) error { return s.Kill() })
	on("POST /v1/servers/{id}/stop", func(_ context.Context, s *world.Server) error { return s.Stop() })
	on("POST /v1/servers/{id}/restart", func(ctx context.Context, s *world.Server) error { return s.Restart(ctx) })
	on("DELETE /v1/servers/{id}", func(_ context.Context, s *world.Server) error { return s.End() })
	return fnhttp.HTTPBearerAuth(mux, fnhttp.HTTPBearerAuthConfig{Tokens: []string{token}, Realm: "testenv"})
}

// Serve serves the API on a free port of 127.0.0.1 until ctx is done or the
// server is stopped.
func Serve(ctx context.Context, w *world.World, token string) (*fnhttp.HTTPServerHandle, error) {
	handler, err := Handler(w, token)
	if err != nil {
		return nil, err
	}
	return fnhttp.HTTPServer(ctx, fnhttp.HTTPServerConfig{
		Handler: handler, Logger: slog.New(slog.DiscardHandler),
		WriteTimeout:    -1, // a server may have to be installed first
		ShutdownTimeout: -1, // the client is gone, or should be
	})
}
