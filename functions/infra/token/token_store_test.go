package token_test

import (
	"os/exec"
	"strings"
	"testing"
)

// The reason for this package: code that accepts a TokenStore links neither a
// keyring nor an encryption library.
func TestTokenStore_LinksStandardLibraryAlone(t *testing.T) {
	t.Parallel()
	out, err := exec.CommandContext(t.Context(), "go", "list", "-deps", "-f", "{{if not .Standard}}{{.ImportPath}}{{end}}", ".").CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	want := []string{"fnregistry.dev/functions/core", "fnregistry.dev/functions/infra/token"}
	if got := strings.Fields(string(out)); strings.Join(got, " ") != strings.Join(want, " ") {
		t.Errorf("it links %q, want %q", got, want)
	}
}
