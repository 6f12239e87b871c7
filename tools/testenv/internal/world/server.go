package world

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync"
	"syscall"
	"time"

	"fnregistry.dev/functions/core"
)

const (
	// answerWait is how long a server may take until it answers. Synapse
	// creates its tables in 10 s on two free cores; the rest is for busier
	// machines.
	answerWait = 3 * time.Minute
	// answerEvery is how often it is polled.
	answerEvery = 20 * time.Millisecond
	// stopWait is how long a graceful end may take before it is killed.
	stopWait = 30 * time.Second
)

// setup is a server that can be started repeatedly on the same data.
type setup struct {
	where    string            // its address, for a person
	env      map[string]string // for those who use it
	commands []command         // to start, each once the previous one answers
	release  func()            // what it holds outside of its folder; may be nil
}

// Server is one server with its data. Its methods may be called from several
// goroutines at once.
type Server struct {
	ID   string
	Kind string

	world *World
	dir   string

	mu      sync.Mutex // held while it is started or ended
	running []*running
	ended   bool
	*setup
}

// Env returns how to reach it.
func (s *Server) Env() map[string]string { return s.env }

// begin creates the server's data and starts it for the first time.
func (s *Server) begin(ctx context.Context, setUp func(context.Context, *Server) (*setup, error)) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	var err error
	if s.setup, err = setUp(ctx, s); err != nil {
		return err
	}
	return s.start(ctx)
}

// start starts the processes one after another. The caller holds mu.
func (s *Server) start(ctx context.Context) error {
	for _, c := range s.commands {
		r, err := s.run(c)
		if err != nil {
			return err
		}
		s.running = append(s.running, r)
		if err := r.waitAnswer(ctx); err != nil {
			return err
		}
	}
	return nil
}

// stop ends the processes, the last one first. The caller holds mu.
func (s *Server) stop(how func(command) syscall.Signal) error {
	var errs []error
	for i := len(s.running) - 1; i >= 0; i-- {
		errs = append(errs, s.running[i].end(how(s.running[i].command)))
	}
	s.running = nil
	return errors.Join(errs...)
}

// Stop ends it gracefully and returns when it has ended. The data stay.
func (s *Server) Stop() error { return s.change(orderly) }

// Kill ends all its processes by SIGKILL and returns when they have ended. The
// data stay as they are.
func (s *Server) Kill() error {
	return s.change(func(command) syscall.Signal { return syscall.SIGKILL })
}

func orderly(c command) syscall.Signal { return c.stop }

func (s *Server) change(how func(command) syscall.Signal) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ended {
		return s.gone()
	}
	return coded(s.Kind, "could not be ended", s.stop(how))
}

// Restart starts it again on the same port and data, and returns when it
// answers. If it runs, it is stopped first.
func (s *Server) Restart(ctx context.Context) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ended {
		return s.gone()
	}
	if err := s.stop(orderly); err != nil {
		return coded(s.Kind, "could not be ended", err)
	}
	if err := s.start(ctx); err != nil {
		return coded(s.Kind, "could not be started again", err)
	}
	return nil
}

func (s *Server) gone() error {
	return &core.Error{
		Code:    core.CodeNotFound,
		Message: fmt.Sprintf("the server with the ID %q has been removed", s.ID),
	}
}

func coded(kind, what string, err error) error {
	if err == nil {
		return nil
	}
	return &core.Error{Code: core.CodeUnavailable, Message: kind + " " + what, Err: err}
}

// End ends it at once and removes its data. A second call does nothing.
func (s *Server) End() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ended {
		return nil
	}
	s.ended = true
	err := s.stop(func(c command) syscall.Signal { return c.quit })
	if s.setup != nil && s.release != nil {
		s.release()
	}
	s.world.forget(s.ID)
	removeSharedMemory(s.dir)
	return coded(s.Kind, "could not be ended", errors.Join(err, os.RemoveAll(s.dir)))
}

func (w *World) forget(id string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	delete(w.servers, id)
}
