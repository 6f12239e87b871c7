// Package cache names the files that programs keep in the user's cache folder,
// and identifies the program that wrote them.
package cache

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"

	"fnregistry.dev/functions/infra/atomicfile"
)

// Dir returns the folder that all of them share.
func Dir() (string, error) {
	user, err := os.UserCacheDir()
	if err != nil {
		return "", err
	}
	return filepath.Join(user, "fn_registry"), nil
}

// Base returns the path, without an extension, of what the running program
// keeps in dir of these roots: another one for each program and set of roots.
func Base(dir string, roots []string) (string, error) {
	key := sha256.New()
	for _, root := range roots {
		abs, err := filepath.Abs(root)
		if err != nil {
			return "", err
		}
		key.Write([]byte(abs + "\x00"))
	}
	program := strings.TrimSuffix(filepath.Base(os.Args[0]), ".exe")
	return filepath.Join(dir, hex.EncodeToString(key.Sum(nil)[:8])+"-"+program), nil
}

// Build identifies the build of the running program. A build ignores what
// another build stored, as it may read files differently, so no format version
// is needed. It is zero if the program can't be read.
var Build = sync.OnceValue(func() (hash [sha256.Size]byte) {
	file, err := os.Executable()
	if err != nil {
		return hash
	}
	in, err := os.Open(file)
	if err != nil {
		return hash
	}
	defer in.Close()
	h := sha256.New()
	if _, err := io.Copy(h, in); err != nil {
		return hash
	}
	return [sha256.Size]byte(h.Sum(nil))
})

// Write gives a file of a cache the content that write writes, whole or not at
// all: not when ctx ends before. Only the user can read it. It makes the
// folder, too.
func Write(ctx context.Context, file string, write func(io.Writer) error) error {
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		return err
	}
	r, w := io.Pipe()
	defer r.Close() // otherwise write would wait for a reader that has given up
	go func() { w.CloseWithError(write(w)) }()
	return atomicfile.FileWriteAtomic(ctx, file, r, 0o600)
}
