// Package registry answers questions about the units of one or more
// repositories: find, show, who uses whom, what is similar to a draft, what is
// wrong. It combines the catalog, the search index and the linter's findings.
//
// A [Registry] holds one [State] at a time. A State is immutable, so readers
// use it without locks while [Registry.Refresh] prepares the next one. All
// queries are methods of State.
package registry

import (
	"context"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"fnregistry.dev/fn_registry/catalog"
	"fnregistry.dev/fn_registry/search"
	"fnregistry.dev/fn_registry/size/ledger"
)

// Options says which repositories to read, and where to keep what was learnt.
type Options struct {
	Roots    []string              // repository folders; empty: the working directory
	Cache    string                // folder for snapshot and index; empty: fn_registry in the user's cache folder
	NoCache  bool                  // nothing is kept on disk: each Open reads everything
	Progress func(done, total int) // called repeatedly while folders are read, from several goroutines; nil disables it
	Log      *slog.Logger          // nil: nothing is logged
}

// Registry keeps a current [State]. Get one from [Open]; its methods are safe
// for concurrent use.
type Registry struct {
	opts  Options
	files cacheFiles
	log   *slog.Logger
	state atomic.Pointer[State]
	swept atomic.Int64 // time when the files were last verified, nanoseconds since 1970; 0: not yet

	ctx    context.Context // of background work; ends with Close
	cancel context.CancelFunc
	work   sync.WaitGroup

	mu      sync.Mutex             // held by Refresh and Save
	indexed map[string]fingerprint // the version of each unit in the index
	unsaved bool
}

// Open returns a registry with what the cache holds, at once and without a look
// at the repositories' files: it may be out of date until the first
// [Registry.Refresh]. Without a usable cache it reads everything, as Refresh
// does.
//
// The caller ends it with [Registry.Close].
func Open(ctx context.Context, opts Options) (*Registry, error) {
	if len(opts.Roots) == 0 {
		opts.Roots = []string{"."}
	}
	r := &Registry{opts: opts, log: opts.Log}
	if r.log == nil {
		r.log = slog.New(slog.DiscardHandler)
	}
	var err error
	if r.files, err = cachePaths(opts); err != nil {
		r.log.Warn("no such folder: so that there can be no cache", "error", err)
	}
	r.ctx, r.cancel = context.WithCancel(context.WithoutCancel(ctx))
	if err := r.load(ctx); err != nil {
		r.Close()
		return nil, err
	}
	return r, nil
}

// Load calls Open, Refresh and Save, for programs that answer one question from
// the current files. Failure to write the cache is logged and not returned.
func Load(ctx context.Context, opts Options) (*Registry, error) {
	r, err := Open(ctx, opts)
	if err != nil {
		return nil, err
	}
	if r.swept.Load() == 0 {
		if _, err := r.Refresh(ctx); err != nil {
			r.Close()
			return nil, err
		}
	}
	if err := r.Save(ctx); err != nil {
		r.log.Warn("the cache was not written", "error", err)
	}
	return r, nil
}

// Close ends what runs in the background, and returns nil. It saves nothing;
// the states stay usable.
func (r *Registry) Close() error {
	r.cancel()
	r.work.Wait()
	return nil
}

// Sizes is where fn size keeps what units weigh, and [State.Get] finds it.
func (r *Registry) Sizes() ledger.Dir { return r.files.sizes }

// State returns the current state. Use one State for several related queries.
func (r *Registry) State() *State { return r.state.Load() }

// Freshness says how current the answers are.
type Freshness struct {
	Generation uint64     `json:"generation"` // of the state: raised by each change that was found
	ChangedAt  time.Time  `json:"changed_at"` // when this state was made
	SweptAt    *time.Time `json:"swept_at"`   // when all files were last checked; null while only the cache was read
}

// Freshness describes the current state.
func (r *Registry) Freshness() Freshness {
	at := r.swept.Load() // loaded before the state, which is then from this check or a later one
	s := r.State()
	f := Freshness{Generation: s.Generation, ChangedAt: s.ChangedAt}
	if at != 0 {
		t := time.Unix(0, at).UTC()
		f.SweptAt = &t
	}
	return f
}

// Change says what a Refresh found. Units are counted by ID.
type Change struct {
	Folders int // read or removed
	Added   int
	Changed int // the unit's spec or code, or what shares its folder
	Removed int
}

// None reports whether nothing has changed.
func (c Change) None() bool { return c == Change{} }

// Refresh checks all files and reads those that changed. When it returns, the
// new state is current; after an error the old one stays.
func (r *Registry) Refresh(ctx context.Context) (Change, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.refresh(ctx)
}

func (r *Registry) refresh(ctx context.Context) (Change, error) {
	old, began := r.State(), time.Now()
	read := lastRead(old.Catalog)
	gather := newGatherer(len(old.Catalog.Dirs) == 0)
	next, change, err := old.Catalog.Refresh(ctx, catalog.Options{Progress: r.opts.Progress, Seen: gather.seen})
	gather.finish()
	if err != nil {
		return Change{}, err
	}
	if next == old.Catalog {
		r.swept.Store(began.UnixNano())
		r.unsaved = r.unsaved || lastRead(next) != read
		return Change{}, nil
	}
	if gather.index != nil {
		r.publish(next, gather.index, gather.indexed, nil)
	} else {
		r.publish(next, old.Index, r.indexed, gather.kept)
	}
	r.swept.Store(began.UnixNano()) // stored after the state it belongs to
	found := countChange(old.Catalog, next, change)
	r.log.Info("read the repositories", "folders", found.Folders, "added", found.Added, "changed", found.Changed,
		"removed", found.Removed, "units", len(next.Units), "took", time.Since(began).Round(time.Millisecond))
	return found, nil
}

// lastRead is when the latest folder was read or verified by content: it can
// change while the catalog does not, and is worth saving.
func lastRead(c *catalog.Catalog) (latest int64) {
	for _, d := range c.Dirs {
		latest = max(latest, d.ReadAt)
	}
	return latest
}

// publish updates the index to match a catalog and makes both the current
// state. It reports whether the index differed.
func (r *Registry) publish(
	c *catalog.Catalog,
	x *search.Index,
	indexed map[string]fingerprint,
	known map[*catalog.Unit]entry,
) (differed bool) {
	s := newState(r, c)
	x, r.indexed, differed = reconcile(c, x, indexed, known)
	s.Index = x.WithBoosts(s.boost).WithNamedTypes(s.namedTypes)
	if old := r.State(); old != nil {
		s.Generation = old.Generation + 1
	}
	r.state.Store(s)
	r.unsaved = true
	return differed
}

func countChange(old, next *catalog.Catalog, ch *catalog.Change) Change {
	found := Change{Folders: max(ch.Read, ch.Lost)}
	seen := map[string]bool{}
	for _, u := range ch.Fresh {
		if seen[u.ID] {
			continue
		}
		seen[u.ID] = true
		if old.Unit(u.ID) == nil {
			found.Added++
		} else {
			found.Changed++
		}
	}
	for _, u := range ch.Gone {
		if !seen[u.ID] && next.Unit(u.ID) == nil {
			seen[u.ID] = true
			found.Removed++
		}
	}
	return found
}
