package reuse

import (
	"context"
	"path/filepath"

	"fnregistry.dev/fn_registry/revision"
)

// from describes the state of the repository that the copies are from. Without
// git, or outside a git repository, there is no commit.
func (s *source) from(ctx context.Context, t *Target) From {
	f := From{Root: s.root.Dir}
	if rel, err := filepath.Rel(t.Dir, s.root.Dir); err == nil {
		f.Root = filepath.ToSlash(rel)
	}
	repo, err := revision.Open(ctx, s.root.Dir, "HEAD")
	if err != nil {
		return f
	}
	defer repo.Close()
	f.Commit = repo.Commit()
	changed, err := repo.Changed(ctx)
	f.Changed = err == nil && len(changed) > 0
	return f
}
