package matrixmedia

import (
	"net/url"
	"strings"
	"testing"
)

func FuzzMediaURI(f *testing.F) {
	for _, seed := range []string{
		"mxc://example.org/abc", "mxc://[::1]:8448/a-b_c", "mxc://a/", "mxc:///a", "mxc://../a", "mxc://a/../b", "mxc://a/b%2f", "mxc://a/b?c", "http://a/b", "",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		uri, err := parseMXC(text)
		if err != nil {
			return
		}
		if uri.String() != text {
			t.Errorf("%q is read as %q", text, uri.String())
		}
		path := "/media/" + uri.Homeserver + "/" + uri.FileID
		if cleaned, err := url.JoinPath(path); err != nil || cleaned != path || strings.Count(path, "/") != 3 {
			t.Errorf("%q leads to %q: %v", text, cleaned, err)
		}
	})
}
