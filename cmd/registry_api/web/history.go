package web

import (
	"context"
	"errors"
	"sync"
	"time"

	"fnregistry.dev/fn_registry/registry"
	"fnregistry.dev/fn_registry/revision"
	"fnregistry.dev/functions/core"
	"fnregistry.dev/functions/infra/page"
)

const (
	historyAge   = 30 * time.Second // how long git's output is cached
	historySlots = 2                // git processes at the same time
	historyWait  = 10 * time.Second // for a slot and for git together
)

// histories asks git for the versions of units. A git process reads the whole
// history, and anyone who reaches the server may ask, so its output is cached
// for a while, and few processes run at a time.
type histories struct {
	slots chan struct{}
	ask   func(ctx context.Context, s *registry.State, id string) ([]revision.Version, error)

	mu    sync.Mutex
	known map[string]*history // by the unit's ID
}

// history is git's output about a unit, valid once done is closed.
type history struct {
	done     chan struct{}
	versions []revision.Version
	err      error
	until    time.Time // when it expires
}

func newHistories() *histories {
	ask := func(ctx context.Context, s *registry.State, id string) ([]revision.Version, error) {
		return s.History(ctx, id)
	}
	return &histories{slots: make(chan struct{}, historySlots), ask: ask, known: map[string]*history{}}
}

// of returns the versions of a unit, from git's output of the last half minute.
// An error with CodeUnavailable means that git is overloaded, any other that
// git failed.
func (h *histories) of(ctx context.Context, s *registry.State, id string) ([]revision.Version, error) {
	found := h.join(ctx, s, id)
	select {
	case <-found.done:
		return found.versions, found.err
	case <-ctx.Done():
		return nil, busy(ctx)
	}
}

// join returns a cached or pending result, or starts a query, which outlives
// the request that started it.
func (h *histories) join(ctx context.Context, s *registry.State, id string) *history {
	h.mu.Lock()
	defer h.mu.Unlock()
	if found := h.known[id]; found != nil {
		select {
		case <-found.done:
			if time.Now().Before(found.until) {
				return found
			}
		default:
			return found
		}
	}
	found := &history{done: make(chan struct{})}
	h.known[id] = found
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), historyWait)
	go func() {
		defer cancel()
		defer close(found.done)
		found.versions, found.err = h.wait(ctx, s, id)
		if ctx.Err() != nil {
			found.versions, found.err = nil, busy(ctx) // not cached
			return
		}
		found.until = time.Now().Add(historyAge)
	}()
	return found
}

// wait waits for a slot, then runs git.
func (h *histories) wait(ctx context.Context, s *registry.State, id string) ([]revision.Version, error) {
	select {
	case h.slots <- struct{}{}:
		defer func() { <-h.slots }()
		return h.ask(ctx, s, id)
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

func busy(ctx context.Context) error {
	return &core.Error{
		Code: core.CodeUnavailable, Message: "git has not said in time which versions there are", Hint: "ask again in a while",
		RetryAfter: historyWait, Err: context.Cause(ctx),
	}
}

// history is a unit's page of versions.
func (p *Pages) history(r *request) (answer, error) {
	d, err := r.state.Get(r.PathValue("id"))
	if err != nil {
		return answer{}, err
	}
	table := page.PageTableConfig{
		Name: "Versions of " + d.Name, Columns: []page.PageTableColumn{{Name: "Version"}, {Name: "Since"}, {Name: "Commit"}, {Name: "Subject"}},
		Empty: page.PageNoticeConfig{Title: "No version is committed yet."},
	}
	versions, err := p.histories.of(r.Context(), r.state, d.ID)
	if coded, ok := errors.AsType[*core.Error](err); ok {
		return answer{}, coded
	}
	if err != nil {
		table.Empty = page.PageNoticeConfig{Title: "Git can't tell.", Text: "The repository is no git checkout, or git is not installed."}
	}
	for _, v := range versions {
		table.Rows = append(table.Rows, []any{v.Version, v.Time, code(v.Commit), v.Subject})
	}
	return below(d, ", versions", page.PageTable(table), ""), nil
}
