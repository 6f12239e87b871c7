package page

import (
	"embed"
	"io/fs"
	"net/http"
	"sync"

	fnhttp "fnregistry.dev/functions/infra/http"
)

//go:embed assets
var assetFiles embed.FS

// assets serves the files that pages load, at addresses with a hash of their
// content.
var assets = sync.OnceValue(func() *fnhttp.HTTPStaticHandle {
	files, err := fs.Sub(assetFiles, "assets")
	if err != nil {
		panic(err) // the folder is embedded
	}
	handle, err := fnhttp.HTTPStatic(fnhttp.HTTPStaticConfig{Files: files, Prefix: "/assets/"})
	if err != nil {
		panic(err) // the config is right
	}
	return handle
})

// assetURL is the address of one of the files.
func assetURL(name string) string {
	address, err := assets().Path(name)
	if err != nil {
		panic(err) // the file is embedded
	}
	return address
}

// PageAssets serves the style sheet, the scripts and the icon that
// [PageShell] refers to. Mount it at "GET /assets/" and "GET /favicon.ico".
//
// A file's address has a hash of its content, and browsers are allowed to keep
// it for a year. The response to an unknown address is 404; /favicon.ico is
// redirected to the icon.
//
// More in page_assets.md:
//   - The paths begin with /assets/: a program behind a prefix strips it first,
//     and can't also serve pages under another prefix.
//   - After an update, a page that a browser still shows requests the old path
//     and gets 404; reloading fixes that.
func PageAssets() http.Handler {
	files := assets()
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/favicon.ico" {
			http.Redirect(w, r, assetURL("icon.svg"), http.StatusMovedPermanently)
			return
		}
		files.ServeHTTP(w, r)
	})
}
