// Package world starts the servers of one run of testenv, each with its data in
// a folder of the run, and ends them.
package world

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"time"

	"fnregistry.dev/functions/core"
)

// Config is what a World needs. All fields are required.
type Config struct {
	Dir    string    // the run's folder
	Cache  string    // for what is built or downloaded
	Log    io.Writer // lines for a person
	GoMod  []byte    // the go.mod and go.sum that pin the homeserver's version
	GoSum  []byte
	Matrix string // the kind that "matrix" stands for: Dendrite or Synapse
}

// World is the servers of one run. Its methods may be called from several
// goroutines at once.
type World struct {
	cfg Config
	log sync.Mutex

	mu      sync.Mutex
	servers map[string]*Server
	started int
	closed  bool

	// shared is the run's own PostgreSQL, which a Synapse of the run uses too.
	// It is nil if there is none, and receives one value, nil if it could not
	// be started.
	shared *future
}

// future is a server that is being started.
type future struct {
	done   chan struct{}
	server *Server // when done is closed; nil if it could not be started
}

// New returns a World without servers.
func New(cfg Config) *World {
	return &World{cfg: cfg, servers: make(map[string]*Server)}
}

// Up starts one server of each kind, side by side, and returns their
// environment when all answer. The first error ends the other starts.
func (w *World) Up(ctx context.Context, kinds []string) (map[string]string, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	for _, kind := range kinds {
		if kind == Postgres {
			w.shared = &future{done: make(chan struct{})}
		}
	}
	env := make(map[string]string)
	var mu sync.Mutex
	var all sync.WaitGroup
	for _, kind := range kinds {
		all.Go(func() {
			began := time.Now()
			server, err := w.Start(ctx, kind)
			if kind == Postgres {
				w.shared.server = server
				close(w.shared.done)
			}
			if err != nil {
				cancel(err) // only the first counts
				return
			}
			w.say("%s answers at %s (%s)", kind, server.where, since(began))
			mu.Lock()
			defer mu.Unlock()
			maps.Copy(env, server.Env())
		})
	}
	all.Wait()
	if err := context.Cause(ctx); err != nil {
		return nil, err
	}
	return env, nil
}

// Start starts a server of the kind and returns it when it answers. Its data
// are new.
func (w *World) Start(ctx context.Context, kind string) (*Server, error) {
	if kind == Matrix {
		kind = w.cfg.Matrix
	}
	setUp, ok := setUps[kind]
	if !ok {
		return nil, &core.Error{
			Code:    core.CodeInvalid,
			Message: fmt.Sprintf("there is no server %q", kind),
			Hint:    hintKinds(kind),
		}
	}
	s, err := w.register(kind)
	if err != nil {
		return nil, err
	}
	if err := s.begin(ctx, setUp); err != nil {
		return nil, errors.Join(wrap(ctx, kind, err), s.End())
	}
	return s, nil
}

// register gives a new server its name and its folder.
func (w *World) register(kind string) (*Server, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.closed {
		return nil, &core.Error{Code: core.CodeUnavailable, Message: "testenv is ending"}
	}
	w.started++
	id := strconv.Itoa(w.started)
	s := &Server{ID: id, Kind: kind, world: w, dir: filepath.Join(w.cfg.Dir, kind+"-"+id)}
	if err := os.Mkdir(s.dir, 0o711); err != nil { // another user may have to pass through
		return nil, err
	}
	w.servers[id] = s
	return s, nil
}

// Server returns the server with this ID.
func (w *World) Server(id string) (*Server, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if s, ok := w.servers[id]; ok {
		return s, nil
	}
	return nil, &core.Error{Code: core.CodeNotFound, Message: fmt.Sprintf("there is no server with the ID %q", id)}
}

// End ends all servers, and lets no more be started.
func (w *World) End() error {
	w.mu.Lock()
	w.closed = true
	servers := maps.Clone(w.servers)
	w.mu.Unlock()
	var mu sync.Mutex
	var errs []error
	var all sync.WaitGroup
	for _, s := range servers {
		all.Go(func() {
			if err := s.End(); err != nil {
				mu.Lock()
				defer mu.Unlock()
				errs = append(errs, err)
			}
		})
	}
	all.Wait()
	return errors.Join(errs...)
}

// say writes a line for the user.
func (w *World) say(format string, args ...any) {
	w.log.Lock()
	defer w.log.Unlock()
	fmt.Fprintf(w.cfg.Log, "testenv: "+format+"\n", args...)
}

// step reports the start of something that may take a while. The function that
// it returns reports its end.
func (w *World) step(format string, args ...any) func() {
	began, what := time.Now(), fmt.Sprintf(format, args...)
	w.say("%s ...", what)
	return func() { w.say("%s: done (%s)", what, since(began)) }
}

func since(t time.Time) string { return fmt.Sprintf("%.1fs", time.Since(t).Seconds()) }

// wrap adds the name of the server to an error. The error becomes its cause.
func wrap(ctx context.Context, kind string, err error) error {
	if cause := context.Cause(ctx); cause != nil {
		return cause // it was ended because of this
	}
	return &core.Error{Code: core.CodeUnavailable, Message: kind + " could not be started", Err: err}
}
