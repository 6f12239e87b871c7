package spec

import (
	"math/rand/v2"
	"testing"
)

// TestUsualForms: whatever a usual form accepts, its pattern accepts, too; and
// the forms do accept what specs contain.
func TestUsualForms(t *testing.T) {
	t.Parallel()
	pieces := []string{
		"a",
		"z9",
		"0",
		"_",
		"__",
		"_go_",
		"go",
		"-",
		"/",
		"//",
		".",
		"..",
		".go",
		"A",
		"é",
		"\n",
		"\x00",
		":",
		"\\",
		" ",
		"",
	}
	r := rand.New(rand.NewPCG(1, 2))
	for i := range keys {
		k := &keys[i]
		if k.usual == nil {
			continue
		}
		taken := 0
		for range 20_000 {
			s := ""
			for range r.IntN(6) {
				s += pieces[r.IntN(len(pieces))]
			}
			if k.usual(s) {
				taken++
				if !k.match.MatchString(s) {
					t.Fatalf("%s: %q counts as usual but does not match %s", k.Name, s, k.Pattern)
				}
			}
		}
		if taken == 0 {
			t.Errorf("%s: none of the texts is usual", k.Name)
		}
	}
	for pattern, s := range map[string]string{
		namePattern: "http_client2_retry", domainPattern: "core", tagPattern: "retry", idPattern: "backoff_delay_go_core", noneOrID: "error_go_core",
		pathPattern: "functions/infra/http/http_gzip_test.go", noneOrPath: "a-b/c.go",
	} {
		if usual := usualForms[pattern]; usual == nil || !usual(s) {
			t.Errorf("%q is not usual for %s", s, pattern)
		}
	}
}
