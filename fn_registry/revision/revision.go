// Package revision lists the files that changed since an earlier git revision,
// and reads files as of that revision.
package revision

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"os/exec"
	"strconv"
	"strings"
	"sync"
)

// Repo is a folder of a git checkout, compared with one revision. Close ends
// the git process that it may have started.
type Repo struct {
	dir, revision string

	mu  sync.Mutex
	cmd *exec.Cmd
	in  io.WriteCloser
	out *bufio.Reader
	err error // why File no longer works
}

// Open checks that dir lies in a git checkout that knows the revision.
func Open(ctx context.Context, dir, revision string) (*Repo, error) {
	out, err := git(ctx, dir, "rev-parse", "--verify", "--quiet", "--end-of-options", revision+"^{commit}")
	if err != nil {
		if _, err := git(ctx, dir, "rev-parse", "--git-dir"); err != nil {
			return nil, fmt.Errorf("%s is not in a git checkout: %w", dir, err)
		}
		return nil, fmt.Errorf("git does not know the revision %q", revision)
	}
	return &Repo{dir: dir, revision: strings.TrimSpace(string(out))}, nil
}

// Changed lists the files below the folder that differ from the revision:
// changed, added, deleted, and not yet known to git, from the folder, with
// slashes.
func (r *Repo) Changed(ctx context.Context) ([]string, error) {
	differ, err := git(ctx, r.dir, "diff", "--name-only", "--no-renames", "--relative", "-z", r.revision, "--", ".")
	if err != nil {
		return nil, err
	}
	untracked, err := git(ctx, r.dir, "ls-files", "--others", "--exclude-standard", "-z")
	if err != nil {
		return nil, err
	}
	return strings.FieldsFunc(string(differ)+string(untracked), func(c rune) bool { return c == 0 }), nil
}

// File returns a file as it was, given from the folder. ok is false where it
// did not exist, and where git fails; Err distinguishes the two. It may be
// called from several goroutines.
func (r *Repo) File(name string) (src []byte, ok bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.err != nil || strings.ContainsAny(name, "\n\x00") {
		return nil, false
	}
	src, ok, r.err = r.read(name)
	return src, ok
}

// Err returns why File could not answer, if it could not.
func (r *Repo) Err() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.err
}

func (r *Repo) read(name string) ([]byte, bool, error) {
	if r.cmd == nil {
		if err := r.start(); err != nil {
			return nil, false, err
		}
	}
	if _, err := fmt.Fprintf(r.in, "%s:./%s\n", r.revision, name); err != nil {
		return nil, false, err
	}
	header, err := r.out.ReadString('\n')
	if err != nil {
		return nil, false, fmt.Errorf("git cat-file: %w", err)
	}
	if strings.HasSuffix(header, " missing\n") {
		return nil, false, nil
	}
	fields := strings.Fields(header) // "<hash> blob <size>"
	size, err := strconv.Atoi(fields[len(fields)-1])
	if err != nil {
		return nil, false, fmt.Errorf("git cat-file answers %q", strings.TrimSpace(header))
	}
	data := make([]byte, size+1) // and the newline after it
	if _, err := io.ReadFull(r.out, data); err != nil {
		return nil, false, fmt.Errorf("git cat-file: %w", err)
	}
	return data[:size], fields[1] == "blob", nil
}

func (r *Repo) start() error {
	cmd := exec.Command("git", "-C", r.dir, "cat-file", "--batch")
	cmd.Env = environment(careful)
	in, err := cmd.StdinPipe()
	if err != nil {
		return err
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return err
	}
	r.cmd, r.in, r.out = cmd, in, bufio.NewReader(out)
	return nil
}

// Close ends the git process.
func (r *Repo) Close() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.cmd == nil {
		return nil
	}
	r.in.Close()
	err := r.cmd.Wait()
	r.cmd = nil
	return err
}

func git(ctx context.Context, dir string, args ...string) ([]byte, error) {
	return gitWith(ctx, dir, careful, args...)
}

func gitWith(ctx context.Context, dir string, config []setting, args ...string) ([]byte, error) {
	cmd := exec.CommandContext(ctx, "git", append([]string{"-C", dir}, args...)...)
	cmd.Env = environment(config)
	var stderr strings.Builder
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil && stderr.Len() > 0 {
		return nil, fmt.Errorf("git %s: %s", args[0], strings.TrimSpace(stderr.String()))
	}
	if err != nil {
		return nil, fmt.Errorf("git %s: %w", args[0], err)
	}
	return out, nil
}
