package web

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"fnregistry.dev/fn_registry/registry"
	"fnregistry.dev/fn_registry/revision"
	"fnregistry.dev/functions/core"
)

// slowGit is slow to answer.
type slowGit struct {
	mu                  sync.Mutex
	runs, running, most int
	takes               time.Duration
	err                 error
}

func (g *slowGit) ask(ctx context.Context, _ *registry.State, id string) ([]revision.Version, error) {
	g.mu.Lock()
	g.runs++
	g.running++
	g.most = max(g.most, g.running)
	g.mu.Unlock()
	defer func() {
		g.mu.Lock()
		defer g.mu.Unlock()
		g.running--
	}()
	select {
	case <-time.After(g.takes):
		return []revision.Version{{Subject: id}}, g.err
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// However many requests for however many units, two processes run, and each
// unit is queried once in half a minute.
func TestHistories_BoundsGit(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		git := &slowGit{takes: time.Second}
		h := newHistories()
		h.ask = git.ask
		askAll := func() {
			var all sync.WaitGroup
			for i := range 100 {
				id := fmt.Sprint("unit", i%8)
				all.Go(func() {
					if versions, err := h.of(t.Context(), nil, id); err != nil || len(versions) != 1 || versions[0].Subject != id {
						t.Errorf("%s: %v, %v", id, versions, err)
					}
				})
			}
			all.Wait()
		}
		began := time.Now()
		askAll()
		if git.runs != 8 || git.most != 2 || time.Since(began) != 4*time.Second {
			t.Errorf("%d runs, %d at a time, %v", git.runs, git.most, time.Since(began))
		}
		askAll()
		if git.runs != 8 {
			t.Errorf("asked again at once: %d runs", git.runs)
		}
		time.Sleep(31 * time.Second)
		askAll()
		if git.runs != 16 {
			t.Errorf("asked again after half a minute: %d runs, want 16", git.runs)
		}
	})
}

func TestHistories_Failures(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		git := &slowGit{err: errors.New("no git checkout")}
		h := newHistories()
		h.ask = git.ask
		for range 2 { // git's errors are cached, too
			if _, err := h.of(t.Context(), nil, "a"); !errors.Is(err, git.err) {
				t.Errorf("got %v", err)
			}
		}
		if git.runs != 1 {
			t.Errorf("%d runs", git.runs)
		}
		git.takes = time.Hour
		var all sync.WaitGroup
		for _, id := range []string{"b", "c", "d"} { // the third one finds no slot
			all.Go(func() {
				began := time.Now()
				if _, err := h.of(t.Context(), nil, id); core.ErrorCode(err) != core.CodeUnavailable || time.Since(began) != historyWait {
					t.Errorf("%s: after %v: %v", id, time.Since(began), err)
				}
			})
		}
		all.Wait()
		git.takes = 0
		git.err = nil
		if _, err := h.of(t.Context(), nil, "b"); err != nil {
			t.Errorf("a timeout was cached: %v", err)
		}
	})
}
