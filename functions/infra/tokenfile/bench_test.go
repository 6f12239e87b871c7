package tokenfile_test

import (
	"path/filepath"
	"testing"

	"fnregistry.dev/functions/infra/token"
	"fnregistry.dev/functions/infra/tokenfile"
)

// What a program waits for: its first Get, each further one, and each Set. Uses
// age's default work factor.
func BenchmarkFileTokenStore(b *testing.B) {
	dir := b.TempDir()
	identity := newIdentity(b, dir)
	for kind, open := range map[string]func() token.TokenStore{
		"identity": func() token.TokenStore { return byIdentity(b, filepath.Join(dir, "identity.age"), identity) },
		"passphrase": func() token.TokenStore {
			return mustStore(b, tokenfile.FileTokenStoreConfig{Path: filepath.Join(dir, "passphrase.age"), Passphrase: says(goodPassphrase)})
		},
	} {
		store := open()
		set(b, store, "name", secret)
		b.Run("by="+kind+"/FirstGet", func(b *testing.B) {
			for b.Loop() {
				wantValue(b, open(), "name", secret)
			}
		})
		b.Run("by="+kind+"/Get", func(b *testing.B) {
			for b.Loop() {
				wantValue(b, store, "name", secret)
			}
		})
		b.Run("by="+kind+"/Set", func(b *testing.B) {
			for b.Loop() {
				set(b, store, "name", secret)
			}
		})
	}
}
