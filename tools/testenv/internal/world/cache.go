package world

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"time"

	"fnregistry.dev/functions/infra/filelock"
)

// unusedFor is how long an unused entry stays in the cache.
const unusedFor = 30 * 24 * time.Hour

// cached returns a folder of the cache, filled by build for this name and these
// inputs. While one process builds, others that need the same wait.
func (w *World) cached(
	ctx context.Context,
	name string,
	inputs []string,
	what string,
	build func(ctx context.Context, dir string) error,
) (string, error) {
	sum := sha256.Sum256([]byte(strings.Join(inputs, "\x00")))
	dir := filepath.Join(w.cfg.Cache, name+"-"+hex.EncodeToString(sum[:8]))
	if isUsed(dir) {
		return dir, nil
	}
	unlock, err := w.lock(ctx, name)
	if err != nil {
		return "", err
	}
	defer unlock()
	if isUsed(dir) {
		return dir, nil
	}
	w.dropUnused(name)
	temp := dir + ".new" // under the lock, so this can only be left over from a killed process
	if err := os.RemoveAll(temp); err != nil {
		return "", err
	}
	if err := os.Mkdir(temp, 0o755); err != nil {
		return "", err
	}
	done := w.step("%s", what)
	if err := build(ctx, temp); err != nil {
		return "", errors.Join(err, os.RemoveAll(temp))
	}
	if err := os.Rename(temp, dir); err != nil {
		return "", err
	}
	done()
	return dir, nil
}

// isUsed reports whether the folder exists, and marks it as used.
func isUsed(dir string) bool {
	now := time.Now()
	return os.Chtimes(dir, now, now) == nil
}

// dropUnused removes old versions of the same entry.
func (w *World) dropUnused(name string) {
	found, _ := filepath.Glob(filepath.Join(w.cfg.Cache, name+"-*"))
	for _, dir := range found {
		if info, err := os.Stat(dir); err == nil && time.Since(info.ModTime()) > unusedFor {
			_ = os.RemoveAll(dir)
		}
	}
}

// lock takes a lock that all runs of testenv with this cache share.
func (w *World) lock(ctx context.Context, name string) (unlock func(), err error) {
	if err := os.MkdirAll(w.cfg.Cache, 0o755); err != nil {
		return nil, err
	}
	path := filepath.Join(w.cfg.Cache, name+".lock")
	lock, err := filelock.FileLock(ctx, path, filelock.FileLockConfig{})
	if _, held := errors.AsType[*filelock.FileLockedError](err); held {
		w.say("waiting for another start to finish with %s", name)
		lock, err = filelock.FileLock(ctx, path, filelock.FileLockConfig{Wait: true})
	}
	if err != nil {
		return nil, err
	}
	return func() { _ = lock.Close() }, nil // the lock is released either way
}
