package tokenfile_test

import (
	"path/filepath"
	"strconv"
	"testing"

	"fnregistry.dev/functions/infra/token"
	"fnregistry.dev/functions/infra/tokenfile"
	"fnregistry.dev/functions/internal/writertest"
	"fnregistry.dev/tools/testenv/testkit/killtest"
)

// writeNames is a process that writes: its args are the store's path, the
// prefix and number of the names, and the identity file.
func writeNames(args []string) error {
	names, err := strconv.Atoi(args[2])
	if err != nil {
		return err
	}
	store, err := tokenfile.FileTokenStore(tokenfile.FileTokenStoreConfig{Path: args[0], IdentityFile: args[3]})
	if err != nil {
		return err
	}
	return writertest.Write(store, args[1], names)
}

// Several processes write at once, and some are killed in the middle of it: the
// file is whole, and has what was acknowledged.
func TestFileTokenStore_ProcessesKilled(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	path, identity := filepath.Join(dir, "tokens.age"), newIdentity(t, dir)
	writertest.Killed(t, func(prefix string, names int) writertest.Process {
		return killtest.Start(t, killtest.Config{Role: "write", Args: []string{path, prefix, strconv.Itoa(names), identity}})
	}, func() token.TokenStore { return byIdentity(t, path, identity) })
	set(t, byIdentity(t, path, identity), "after", "all") // no lock is left behind by the dead
}
