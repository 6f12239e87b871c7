package tokenfile

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"maps"
	"os"
	"slices"
	"syscall"

	"fnregistry.dev/functions/core"
	"fnregistry.dev/functions/infra/atomicfile"
	"fnregistry.dev/functions/infra/token"
)

// FileTokenStoreConfig says where the file is and what opens it: a passphrase
// or an identity file, one of the two.
type FileTokenStoreConfig struct {
	// Path of the encrypted file. Required. It need not exist: the first
	// Set makes it, with mode 0600, and its folder, with mode 0700. A file
	// "Path.lock" stands next to it from then on.
	Path string

	// Passphrase is asked for the passphrase when it is needed for the
	// first time, and again after a wrong one. It may ask a person, or read
	// a file that the service manager hands over; it must not come from the
	// command line, which every user of the machine can read. A new file is
	// encrypted with whatever it returns: a program that asks a person asks
	// twice. It is never called twice at once.
	Passphrase func(ctx context.Context) (string, error)

	// IdentityFile is the path of a file of age identities, as age-keygen
	// writes it, with mode 0600 or 0400. The store is encrypted to all of
	// them, and each of them opens it. It is read when it is needed for the
	// first time, and again after none of its identities fitted.
	IdentityFile string

	// ScryptWorkFactor is the base-2 logarithm of the work that a
	// passphrase costs whoever tries it, and the store at the first Get and
	// at each Set: each step doubles time and memory. 10 to 22; default 18,
	// as age has it, which takes about a second and 256 MiB. A file that is
	// there is read with the factor that it was written with.
	ScryptWorkFactor int
}

const (
	// age's own default (age.NewScryptRecipient) and the maximum that it reads
	// by default (NewScryptIdentity).
	defaultWorkFactor = 18
	maxWorkFactor     = 22
	minWorkFactor     = 10
)

// FileTokenStore returns a store in one file, encrypted with age. It does not
// look at the file before the first call, and there is nothing to close.
//
// Each Set and Delete reads the file, encrypts it again and replaces it in one
// step, flushed to the disk, under a lock that other processes heed; so two
// processes at once lose nothing. Nothing is created, neither folder nor lock,
// before it is known that the file, if there is one, and the key are good. A
// file that group or others may read or write is refused (core.CodeForbidden),
// and so is such an identity file. A wrong passphrase or identity is
// core.CodeUnauthenticated, a damaged file core.CodeInternal, and neither is
// ever written over. Names and values together, as JSON, may have 32 MiB
// (core.CodeTooLarge). Get and List take no lock and need no right to write.
//
// Decrypted secrets and the key stay in memory as long as the store does, so
// that only a file that has changed costs a key derivation. That cannot be
// interrupted: a context that ends during one takes effect after it.
//
// More in file_token_store.md:
//   - A passphrase costs 0.83 s and 256 MiB at the first Get, and 0.9 s and 256
//     MiB at each Set and Delete (measured on 2 cores); a small machine may run
//     out of memory.
//   - The passphrase must not be a flag: every user sees command lines.
func FileTokenStore(cfg FileTokenStoreConfig) (token.TokenStore, error) {
	wrong := ""
	factor := cmp.Or(cfg.ScryptWorkFactor, defaultWorkFactor)
	switch {
	case cfg.Path == "":
		wrong = "no Path"
	case namesFolder(cfg.Path):
		wrong = fmt.Sprintf("Path %q names a folder", cfg.Path)
	case (cfg.Passphrase == nil) == (cfg.IdentityFile == ""):
		wrong = "set exactly one of Passphrase and IdentityFile"
	case factor < minWorkFactor || factor > maxWorkFactor:
		wrong = fmt.Sprintf("ScryptWorkFactor %d is not between %d and %d", factor, minWorkFactor, maxWorkFactor)
	}
	if wrong != "" {
		return nil, &core.Error{Code: core.CodeInvalid, Op: "file_token_store", Message: wrong}
	}
	cfg.ScryptWorkFactor = factor
	return &store{cfg: cfg, turn: make(chan struct{}, 1)}, nil
}

// store is what FileTokenStore returns. The fields after turn may be used only
// while holding turn.
type store struct {
	cfg  FileTokenStoreConfig
	turn chan struct{}
	keys *keys  // nil: not known yet, or wrong
	last opened // the file as last read or written
}

var (
	_ token.TokenStore = (*store)(nil)
	_ fmt.Formatter    = (*store)(nil)
	_ slog.LogValuer   = (*store)(nil)
)

func (s *store) Get(ctx context.Context, name string) (string, error) {
	if err := token.TokenNameCheck(name); err != nil {
		return "", s.failed("get", "", err)
	}
	tokens, err := s.load(ctx, s.cfg.Path)
	if err != nil {
		return "", s.failed("get", name, err)
	}
	value, ok := tokens[name]
	if !ok {
		return "", s.failed("get", name, errNoSuchName)
	}
	return value, nil
}

func (s *store) List(ctx context.Context) ([]string, error) {
	tokens, err := s.load(ctx, s.cfg.Path)
	if err != nil {
		return nil, s.failed("list", "", err)
	}
	return slices.Sorted(maps.Keys(tokens)), nil
}

func (s *store) Set(ctx context.Context, name, value string) error {
	if err := token.TokenNameCheck(name); err != nil {
		return s.failed("set", "", err)
	}
	if value == "" {
		return s.failed("set", name, &core.Error{Code: core.CodeInvalid, Message: "the value is empty"})
	}
	return s.failed("set", name, s.change(ctx, func(tokens map[string]string) error {
		tokens[name] = value
		return nil
	}))
}

func (s *store) Delete(ctx context.Context, name string) error {
	if err := token.TokenNameCheck(name); err != nil {
		return s.failed("delete", "", err)
	}
	if _, err := os.Stat(s.cfg.Path); errors.Is(err, fs.ErrNotExist) && ctx.Err() == nil {
		return s.failed("delete", name, errNoSuchName) // and no folder is created for it
	}
	return s.failed("delete", name, s.change(ctx, func(tokens map[string]string) error {
		if _, ok := tokens[name]; !ok {
			return errNoSuchName
		}
		delete(tokens, name)
		return nil
	}))
}

// change applies edit to the file's tokens, excluding other writers.
func (s *store) change(ctx context.Context, edit func(tokens map[string]string) error) error {
	if err := s.ready(ctx); err != nil {
		return err
	}
	path, unlock, err := lock(ctx, s.cfg.Path)
	if err != nil {
		return err
	}
	defer unlock()
	tokens, err := s.load(ctx, path)
	if err != nil {
		return err
	}
	tokens = maps.Clone(tokens)
	if err := edit(tokens); err != nil {
		return err
	}
	sealed, err := s.seal(ctx, tokens)
	if err != nil {
		return err
	}
	return atomicfile.FileWriteAtomic(ctx, path, bytes.NewReader(sealed), 0o600)
}

var errNoSuchName = &core.Error{Code: core.CodeNotFound, Message: "no such name"}

// failed adds the operation to an error. name must have been checked: an
// invalid one may be a value in the wrong place.
func (s *store) failed(verb, name string, err error) error {
	if err == nil {
		return nil
	}
	op := "file_token_store " + verb
	if name != "" {
		op += fmt.Sprintf(" name=%q", name)
	}
	outer := &core.Error{Op: fmt.Sprintf("%s path=%q", op, s.cfg.Path), Code: core.ErrorCode(err), Err: err}
	if coded, ok := errors.AsType[*core.Error](err); ok {
		outer.Hint = coded.Hint
	}
	if errno, ok := errors.AsType[syscall.Errno](err); ok {
		diskError(outer, errno)
	}
	return outer
}

// String names the store without what it holds; Format and LogValue see that no
// way of printing shows more.
func (s *store) String() string { return "file_token_store " + s.cfg.Path }

func (s *store) Format(f fmt.State, _ rune) { io.WriteString(f, s.String()) }

func (s *store) LogValue() slog.Value { return slog.StringValue(s.String()) }
