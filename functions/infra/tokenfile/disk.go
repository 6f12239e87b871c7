package tokenfile

import (
	"cmp"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"syscall"

	"fnregistry.dev/functions/core"
	"fnregistry.dev/functions/infra/filelock"
)

// opened is a decrypted file. tokens is never written to.
type opened struct {
	sum    [sha256.Size]byte // of the encrypted file
	tokens map[string]string // nil: none yet
}

// load returns the tokens of the file at path, none if there is no file. The
// map is shared: it must not be written to.
func (s *store) load(ctx context.Context, path string) (map[string]string, error) {
	if err := s.take(ctx); err != nil {
		return nil, err
	}
	defer s.release()
	// More than maxContent plus what age adds: 16 bytes for each 64 KiB, and a
	// header with a stanza per identity.
	sealed, err := readPrivate(path, maxContent+1<<20)
	if errors.Is(err, fs.ErrNotExist) {
		return map[string]string{}, nil
	}
	if err != nil {
		return nil, err
	}
	sum := sha256.Sum256(sealed)
	if s.last.tokens != nil && sum == s.last.sum {
		return s.last.tokens, nil
	}
	tokens, err := s.open(ctx, sealed)
	if err != nil {
		return nil, err
	}
	s.last = opened{sum, tokens}
	return tokens, nil
}

func (s *store) open(ctx context.Context, sealed []byte) (map[string]string, error) {
	if err := s.needKeys(ctx); err != nil {
		return nil, err
	}
	plain, err := s.keys.decrypt(sealed)
	if errors.Is(err, errWrongKey) {
		s.keys, s.last = nil, opened{} // the next call asks again
	}
	if err != nil {
		return nil, err
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	return parseContent(plain)
}

// seal encrypts tokens, which the caller gives up. The result is cached as if
// it had been read.
func (s *store) seal(ctx context.Context, tokens map[string]string) ([]byte, error) {
	plain, err := formatContent(tokens)
	if err != nil {
		return nil, err
	}
	if err := s.take(ctx); err != nil {
		return nil, err
	}
	defer s.release()
	if err := s.needKeys(ctx); err != nil {
		return nil, err
	}
	sealed, err := s.keys.encrypt(plain)
	if err != nil {
		return nil, err
	}
	s.last = opened{sha256.Sum256(sealed), tokens}
	return sealed, nil
}

// ready returns the error of a file that can't be opened, or of a key that is
// unavailable, before anything is created on the disk. Prompting a user for a
// passphrase does not block other writers.
func (s *store) ready(ctx context.Context) error {
	if _, err := s.load(ctx, s.cfg.Path); err != nil {
		return err
	}
	if _, err := followLinks(s.cfg.Path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if err := s.take(ctx); err != nil {
		return err
	}
	defer s.release()
	return s.needKeys(ctx)
}

func (s *store) needKeys(ctx context.Context) (err error) {
	if s.keys == nil {
		s.keys, err = s.readKeys(ctx)
	}
	if err == nil {
		err = ctx.Err() // the user may have taken long
	}
	return err
}

func (s *store) take(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	select {
	case s.turn <- struct{}{}:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (s *store) release() { <-s.turn }

// readPrivate reads a file that only the user may access, with a size limit.
func readPrivate(path string, limit int64) ([]byte, error) {
	// Before it is opened: opening may trigger a device, and a pipe would
	// block.
	if err := checkRegular(os.Stat(path)); err != nil {
		return nil, err
	}
	f, err := os.OpenFile(path, os.O_RDONLY|openNow, 0)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err := checkRegular(info, err); err != nil {
		return nil, err
	}
	// Windows has no such bits.
	if wide := info.Mode().Perm() & 0o077; wide != 0 && runtime.GOOS != "windows" {
		return nil, &core.Error{Code: core.CodeForbidden, Message: fmt.Sprintf("%s has mode %04o: it is accessible to others than its owner", path, info.Mode().Perm()),
			Hint: "chmod 600 " + path + ", and treat its secrets as exposed"}
	}
	if info.Size() > limit {
		return nil, &core.Error{
			Code:    core.CodeTooLarge,
			Message: fmt.Sprintf("%s has %d bytes, more than %d", path, info.Size(), limit),
		}
	}
	return io.ReadAll(io.LimitReader(f, limit))
}

func checkRegular(info fs.FileInfo, err error) error {
	if err != nil {
		return err
	}
	if !info.Mode().IsRegular() {
		return &core.Error{
			Code:    core.CodeInvalid,
			Message: fmt.Sprintf("%s is not a regular file (%v)", info.Name(), info.Mode().Type()),
		}
	}
	return nil
}

// lock waits until this is the only writer of the file, in all processes, and
// returns the file's path without links: writers that come through a link must
// meet the same lock.
func lock(ctx context.Context, path string) (target string, unlock func(), err error) {
	if err := ctx.Err(); err != nil {
		return "", nil, err
	}
	folder, _ := filepath.Split(path)
	if err := os.MkdirAll(cmp.Or(folder, "."), 0o700); err != nil {
		return "", nil, err
	}
	for {
		if target, err = followLinks(path); err != nil {
			return "", nil, err
		}
		l, err := filelock.FileLock(ctx, target+".lock", filelock.FileLockConfig{Wait: true})
		if _, held := errors.AsType[*filelock.FileLockedError](err); held {
			err = &core.Error{Message: "wait for another writer", Err: err}
		}
		if err != nil {
			return "", nil, err
		}
		// The link may have been changed during the wait.
		now, err := followLinks(path)
		if err == nil && now == target {
			return target, func() { _ = l.Close() }, nil // the lock is released either way
		}
		_ = l.Close()
		if err != nil {
			return "", nil, err
		}
	}
}

// namesFolder reports whether a path can only be a folder's.
func namesFolder(path string) bool {
	last := path[len(path)-1]
	base := filepath.Base(path)
	return os.IsPathSeparator(last) || base == "." || base == ".."
}

func followLinks(path string) (string, error) {
	target, err := filepath.EvalSymlinks(path)
	if !errors.Is(err, fs.ErrNotExist) {
		return target, err
	}
	if _, err := os.Lstat(path); err == nil {
		return "", &core.Error{Code: core.CodeInvalid, Message: path + " is a link that leads nowhere"}
	}
	// Not filepath.Dir, which cleans the path: in "link/../x" the ".." is the
	// parent of the link's target, as it is when the file is read.
	folder, name := filepath.Split(path)
	folder, err = filepath.EvalSymlinks(cmp.Or(folder, "."))
	return filepath.Join(folder, name), err
}

// diskError adds the code and the hint that fit an operating system error.
func diskError(err *core.Error, errno syscall.Errno) {
	switch errno {
	case syscall.EACCES, syscall.EPERM, syscall.EROFS:
		err.Code, err.Hint = core.CodeForbidden, "this user must be able to read the file and, to change it, to write to its folder"
	case syscall.ENOSPC, syscall.EDQUOT:
		err.Code, err.Hint = core.CodeUnavailable, "free disk space"
	// Never CodeNotFound: that would mean that a token name is unknown.
	case syscall.ENOENT, syscall.ENOTDIR, syscall.EINVAL, syscall.ENAMETOOLONG, syscall.ELOOP:
		err.Code, err.Hint = core.CodeInvalid, "check the path"
	}
}

func hint(err error) string {
	if coded, ok := errors.AsType[*core.Error](err); ok {
		return coded.Hint
	}
	return ""
}
