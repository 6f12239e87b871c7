// Package gitrev finds the git revision that the current work started from.
package gitrev

import (
	"context"
	"fmt"
	"os/exec"
	"strings"
)

// Earlier returns the revision that the current work started from: where the
// branch left its upstream, else HEAD if files differ from it, else the parent
// of HEAD.
func Earlier(ctx context.Context) (string, error) {
	head, err := Git(ctx, "rev-parse", "HEAD")
	if err != nil {
		return "", err
	}
	if base, err := Git(ctx, "merge-base", "HEAD", "@{upstream}"); err == nil && base != head {
		return base, nil
	}
	changed, err := Git(ctx, "status", "--porcelain")
	if err != nil || changed != "" {
		return head, err
	}
	return Git(ctx, "rev-parse", "HEAD^")
}

// Git runs git in the current folder and returns what it prints, without the
// last line's end.
func Git(ctx context.Context, args ...string) (string, error) {
	var stderr strings.Builder
	cmd := exec.CommandContext(ctx, "git", args...)
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("git %s: %w: %s", strings.Join(args, " "), err, strings.TrimSpace(stderr.String()))
	}
	return strings.TrimSpace(string(out)), nil
}
