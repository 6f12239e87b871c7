package httpapitest_test

import (
	"os"
	"path/filepath"
	"testing"

	"fnregistry.dev/functions/infra/http/httpapi/httpapitest"
)

func TestHTTPAPIGolden_Differences(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "openapi.json")
	httpapitest.HTTPAPIGolden(t, []byte("a\nb\n"), file, true)
	httpapitest.HTTPAPIGolden(t, []byte("a\nb\n"), file, false)
	if text, err := os.ReadFile(file); err != nil || string(text) != "a\nb\n" {
		t.Errorf("%s, %v", text, err)
	}
	for got, want := range map[string]string{
		"a\nb\n": "", "a\nc\n": `line 2 is "c", was "b"`, "a\n": `line 2 is "", was "b"`, "a\nb\nc\n": `line 3 is "c", was ""`,
		"a\nb": `line 3 is (the end), was ""`, "a\n  b\n": `line 2 is "  b", was "b"`,
	} {
		if difference := httpapitest.FirstDifference([]byte(got), []byte("a\nb\n")); difference != want {
			t.Errorf("%q: %q, want %q", got, difference, want)
		}
	}
}
