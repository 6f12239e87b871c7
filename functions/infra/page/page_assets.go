package page

import (
	"crypto/sha256"
	_ "embed" // the files are embedded in the binary
	"encoding/hex"
	"io"
	"net/http"
	"sync"
)

var (
	//go:embed assets/page.css
	pageCSS string
	//go:embed assets/page.js
	pageJS string
	//go:embed assets/theme.js
	themeJS string
	//go:embed assets/icon.svg
	iconSVG string
)

// asset is a file that pages load. Its URL contains a hash of its content, so
// that browsers may cache it forever.
type asset struct{ url, kind, data string }

var assets = sync.OnceValue(func() map[string]asset {
	const script = "text/javascript; charset=utf-8"
	all := map[string]asset{}
	add := func(stem, ext, kind, data string) {
		sum := sha256.Sum256([]byte(data))
		all[stem+ext] = asset{"/assets/" + stem + "-" + hex.EncodeToString(sum[:4]) + ext, kind, data}
	}
	add("page", ".css", "text/css; charset=utf-8", pageCSS)
	add("page", ".js", script, pageJS)
	add("theme", ".js", script, themeJS)
	add("icon", ".svg", "image/svg+xml", iconSVG)
	return all
})

// assetURL returns the URL of one of the files.
func assetURL(name string) string { return assets()[name].url }

// PageAssets serves the style sheet, the scripts and the icon that
// [PageShell] refers to. Mount it at "GET /assets/" and "GET /favicon.ico".
//
// A file's address has a hash of its content, and browsers are allowed to keep
// it for a year. The answer to an unknown address is 404; /favicon.ico is
// redirected to the icon.
//
// More in page_assets.md:
//   - The paths begin with /assets/: a program behind a prefix strips it first,
//     and can't also serve pages under another prefix.
//   - After an update, a page that a browser still shows requests the old path
//     and gets 404; reloading fixes that.
func PageAssets() http.Handler {
	byURL := map[string]asset{}
	for _, a := range assets() {
		byURL[a.url] = a
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/favicon.ico" {
			http.Redirect(w, r, assetURL("icon.svg"), http.StatusMovedPermanently)
			return
		}
		file, ok := byURL[r.URL.Path]
		if !ok {
			http.NotFound(w, r)
			return
		}
		w.Header().Set("Content-Type", file.kind)
		w.Header().Set("Cache-Control", "public, max-age=31536000, immutable")
		io.WriteString(w, file.data) // error ignored: the client is gone
	})
}
