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
	"time"

	"github.com/gofrs/flock"

	"fnregistry.dev/functions/core"
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
	// More than maxContent by what age adds: 16 bytes for each 64 KiB, and
	// a header, which has a stanza per identity.
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
		s.keys, s.last = nil, opened{} // asked for again by the next call
	}
	if err != nil {
		return nil, err
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	return parseContent(plain)
}

// seal encrypts tokens, which are the caller's to forget. What comes back is
// remembered as if it had been read.
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

// ready returns the error of a file that can't be opened, or of a key that
// can't be had, before anything is created on the disk. A person who is asked
// for a passphrase does not keep other writers waiting.
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
		err = ctx.Err() // a person may have taken long
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

// readPrivate reads a file that must be the user's alone, and small enough.
func readPrivate(path string, limit int64) ([]byte, error) {
	// Before it is opened: a device may act on that, and a pipe would
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
		return nil, &core.Error{Code: core.CodeForbidden, Message: fmt.Sprintf("%s has mode %04o: others than its owner may use it", path, info.Mode().Perm()),
			Hint: "chmod 600 " + path + ", and think of what is in it as seen"}
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
// returns the file's path without links: who comes through a link must meet the
// same lock. The lock goes with the process, however that ends.
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
		l, err := lockFile(ctx, target+".lock")
		if err != nil {
			return "", nil, err
		}
		// While this waited, the link may have come to lead elsewhere,
		// and the lock may have been removed: then it holds nobody
		// back.
		now, err := followLinks(path)
		if err == nil && now == target && isFileAt(l) {
			// Unlock closes the file, too. What could fail, the
			// kernel has done by then.
			return target, func() { l.Unlock() }, nil
		}
		l.Unlock()
		if err != nil {
			return "", nil, err
		}
	}
}

// lockFile locks the file at path, which is made if there is none.
func lockFile(ctx context.Context, path string) (*flock.Flock, error) {
	const retry = 5 * time.Millisecond // little next to the fsync of a write
	// A pipe would block, a link would have a file made at its end.
	if err := checkRegular(os.Lstat(path)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	l := flock.New(path, flock.SetFlag(os.O_CREATE|os.O_RDONLY|openNow|openNoLink))
	if _, err := l.TryLockContext(ctx, retry); err != nil {
		if ctx.Err() != nil {
			err = &core.Error{Message: "wait for another writer, who holds the lock " + path, Err: err}
		}
		return nil, err
	}
	if err := checkRegular(l.Stat()); err != nil { // it may have been exchanged meanwhile
		l.Unlock()
		return nil, err
	}
	return l, nil
}

// isFileAt reports whether the lock's path still names the file that is locked.
func isFileAt(l *flock.Flock) bool {
	locked, err1 := l.Stat()
	there, err2 := os.Lstat(l.Path())
	return err1 == nil && err2 == nil && os.SameFile(locked, there)
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
	// Not filepath.Dir, which cleans: in "link/../x" the ".." goes up from
	// where the link leads, as it does for whoever reads the file.
	folder, name := filepath.Split(path)
	folder, err = filepath.EvalSymlinks(cmp.Or(folder, "."))
	return filepath.Join(folder, name), err
}

// diskError gives an error the code and the hint that fit what the operating
// system said.
func diskError(err *core.Error, errno syscall.Errno) {
	switch errno {
	case syscall.EACCES, syscall.EPERM, syscall.EROFS:
		err.Code, err.Hint = core.CodeForbidden, "this user must be able to read the file and, to change it, to write to its folder"
	case syscall.ENOSPC, syscall.EDQUOT:
		err.Code, err.Hint = core.CodeUnavailable, "free disk space"
	// Never CodeNotFound: no name is missing.
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
