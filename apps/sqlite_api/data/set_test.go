package data

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"fnregistry.dev/functions/core"
)

// Databases have names of their own, none of which is a path of the program.
func TestOpen_Names(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	var paths []string
	for _, name := range []string{"shop.db", "shop.sqlite", "api.db", ".db", "x/shop.db", "a b.db", "metrics"} {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, nil, 0o600); err != nil {
			t.Fatal(err)
		}
		paths = append(paths, path)
	}
	set, err := Open(t.Context(), Config{Files: paths})
	if err != nil {
		t.Fatal(err)
	}
	defer set.Close()
	var names []string
	for _, v := range set.Views(Full) {
		names = append(names, v.Name())
	}
	if got := strings.Join(names, ","); got != "shop,shop-2,api-2,.db,shop-3,a b,metrics-2" {
		t.Error(got)
	}
	if _, err := Open(t.Context(), Config{Files: []string{filepath.Join(dir, "nothing")}}); core.ErrorCode(err) != core.CodeNotFound {
		t.Error(err)
	}
}
