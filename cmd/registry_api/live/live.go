// Package live keeps the registry of a running server up to date.
package live

import (
	"cmp"
	"context"
	"errors"
	"log/slog"
	"sync/atomic"
	"time"

	"fnregistry.dev/cmd/registry_api/api"
	"fnregistry.dev/fn_registry/registry"
	"fnregistry.dev/functions/infra/service"
)

// Config says what to keep up to date, and how eagerly.
type Config struct {
	Options    registry.Options
	Watch      bool          // watch the files for changes
	Sweep      time.Duration // interval between checks of all files; zero: 30 s
	SaveAfter  time.Duration // delay from a change to the cache's next save, which includes all changes until then; zero: 5 s
	SaveWithin time.Duration // timeout of the last save, when it stops; zero: 3 s
	OnRefresh  func(Refresh) // called after each check of the files; nil disables it
	Log        *slog.Logger  // nil: slog.Default()
}

// Refresh is one look at all files.
type Refresh struct {
	Change registry.Change
	Took   time.Duration
	Err    error
}

// Live is a registry that follows its files once Start is called. Its other
// methods may be called at any time.
type Live struct {
	cfg      Config
	registry atomic.Pointer[registry.Registry]
	watching atomic.Bool
	lost     atomic.Bool // a root was removed, and with it its watch
	problem  atomic.Pointer[string]
}

var _ api.Source = (*Live)(nil)

// New returns a Live that knows nothing until Start.
func New(cfg Config) *Live {
	cfg.Sweep, cfg.SaveAfter = cmp.Or(cfg.Sweep, 30*time.Second), cmp.Or(cfg.SaveAfter, 5*time.Second)
	cfg.SaveWithin = cmp.Or(cfg.SaveWithin, 3*time.Second)
	cfg.Log = cmp.Or(cfg.Log, slog.Default())
	return &Live{cfg: cfg}
}

// State returns the current state, or nil before the first is loaded.
func (l *Live) State() *registry.State {
	if r := l.registry.Load(); r != nil {
		return r.State()
	}
	return nil
}

// Freshness says how current the state is.
func (l *Live) Freshness() api.Freshness {
	f := api.Freshness{Watching: l.watching.Load()}
	if p := l.problem.Load(); p != nil {
		f.Problem = *p
	}
	if r := l.registry.Load(); r != nil {
		known := r.Freshness()
		f.Generation, f.ChangedAt, f.SweptAt = known.Generation, &known.ChangedAt, known.SweptAt
	}
	return f
}

// Start loads the registry and follows its files in the background, until it is
// stopped or ctx is done; then it saves the cache, if that is done within
// Config.SaveWithin. The service fails only where
// the registry can't be loaded at all. It may be started once.
func (l *Live) Start(ctx context.Context) (service.Service, error) {
	return service.ServiceStart(ctx, service.ServiceStartConfig{Name: "registry", Run: l.run})
}

func (l *Live) run(ctx context.Context) error {
	gc := startCollector(loading)
	defer gc.stop()
	r, err := registry.Open(ctx, l.cfg.Options)
	if err != nil {
		if ctx.Err() != nil {
			return nil // stopped while it read
		}
		return err
	}
	defer r.Close()
	l.registry.Store(r)
	defer func() {
		last, cancel := context.WithTimeout(context.WithoutCancel(ctx), l.cfg.SaveWithin)
		defer cancel()
		l.save(last, r)
	}()
	gc.settle(serving)
	f := follower{Live: l, registry: r}
	f.changed, f.stop = l.watch(ctx) // before the files are checked, so that no change is missed in between
	defer func() { f.stop() }()
	f.refresh(ctx)
	gc.settle(serving) // the check of all files left garbage, too
	f.follow(ctx)
	return nil
}

// follower is the loop of a run.
type follower struct {
	*Live
	registry *registry.Registry
	changed  <-chan struct{} // see watch
	stop     func()
	pause    <-chan time.Time // until then, changes and sweeps wait: reading takes half of the time at most
	saveAt   <-chan time.Time // nil: nothing has been checked since the last save
}

func (f *follower) follow(ctx context.Context) {
	sweep := time.NewTicker(f.cfg.Sweep)
	defer sweep.Stop()
	for {
		waiting, due := f.changed, sweep.C
		if f.pause != nil {
			waiting, due = nil, nil
		}
		select {
		case <-ctx.Done():
			return
		case <-f.pause:
			f.pause = nil
		case <-waiting:
			f.refresh(ctx)
		case <-due:
			f.refresh(ctx)
		case <-f.saveAt:
			f.saveAt = nil
			f.save(ctx, f.registry)
		}
	}
}

// refresh checks all files. The first successful check after a root was missing
// finds it again: it is then watched again, and checked once more, for earlier
// changes.
func (f *follower) refresh(ctx context.Context) {
	f.look(ctx)
	if f.problem.Load() != nil || !f.lost.Swap(false) || ctx.Err() != nil {
		return
	}
	f.stop()
	f.changed, f.stop = f.watch(ctx)
	f.look(ctx)
}

func (f *follower) look(ctx context.Context) {
	began := time.Now()
	change, err := f.registry.Refresh(ctx)
	if ctx.Err() != nil {
		return
	}
	took := time.Since(began)
	f.pause = time.After(took)
	if err != nil {
		f.cfg.Log.Error("the repositories were not read", "error", err)
		text := err.Error()
		f.problem.Store(&text)
		f.unwatched()
	} else {
		f.problem.Store(nil)
		if f.saveAt == nil { // otherwise consecutive checks would postpone it forever
			f.saveAt = time.After(f.cfg.SaveAfter)
		}
	}
	if f.cfg.OnRefresh != nil {
		f.cfg.OnRefresh(Refresh{change, took, err})
	}
}

// save writes the cache until ctx is done. One that is interrupted is left for
// the last save, or for the next start to do without.
func (l *Live) save(ctx context.Context, r *registry.Registry) {
	if err := r.Save(ctx); err != nil && !errors.Is(err, context.Canceled) {
		l.cfg.Log.Warn("the cache was not written", "error", err)
	}
}
