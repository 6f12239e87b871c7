package reuse

import (
	"context"
	"path/filepath"

	"fnregistry.dev/fn_registry/revision"
)

// from says what state of the repository the copies are of. Where git is
// missing or does not know the folder, there is no commit. The folder may be
// one that a record names, so nothing that its configuration names is run.
func (s *source) from(ctx context.Context, t *Target) From {
	f := From{Root: s.root.Dir}
	if rel, err := filepath.Rel(t.Dir, s.root.Dir); err == nil {
		f.Root = filepath.ToSlash(rel)
	}
	commit, changed, err := revision.State(ctx, s.root.Dir)
	if err == nil {
		f.Commit, f.Changed = commit, changed
	}
	return f
}
