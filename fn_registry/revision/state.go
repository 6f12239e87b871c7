package revision

import (
	"context"
	"slices"
	"strings"
)

// State returns the commit that a folder of a checkout is at, and whether files
// below the folder differ from it. It runs no program that the checkout's
// configuration names, and fetches nothing, so the folder may be anybody's.
// Files that pass through a filter, as Git LFS's do, may count as changed.
func State(ctx context.Context, dir string) (commit string, changed bool, err error) {
	config := append(slices.Clone(careful), setting{"protocol.allow", "never"})
	names, err := gitWith(ctx, dir, config, "config", "--null", "--name-only", "--list")
	if err != nil {
		return "", false, err
	}
	for name := range strings.SplitSeq(string(names), "\x00") {
		end := strings.LastIndexByte(name, '.')
		if !strings.HasPrefix(name, "filter.") || end < len("filter.") {
			continue
		}
		driver := name[:end]
		config = append(config, setting{driver + ".clean", ""}, setting{driver + ".process", ""}, setting{driver + ".required", "false"})
	}
	head, err := gitWith(ctx, dir, config, "rev-parse", "--verify", "HEAD^{commit}")
	if err != nil {
		return "", false, err
	}
	differ, err := gitWith(ctx, dir, config, "status", "--porcelain", "--no-renames", "--ignore-submodules", "--", ".")
	return strings.TrimSpace(string(head)), len(differ) > 0, err
}
