package web

import (
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"net/http"
	"path"
)

//go:embed assets
var files embed.FS

// assets are the static files. Their addresses carry a hash of the content, so that a browser may keep them for good.
type assets struct {
	urls    map[string]string // file name -> address
	content map[string]asset  // last element of the address -> file
}

type asset struct {
	data []byte
	kind string
}

var kinds = map[string]string{".css": "text/css; charset=utf-8", ".js": "text/javascript; charset=utf-8", ".svg": "image/svg+xml"}

func loadAssets() *assets {
	a := &assets{urls: map[string]string{}, content: map[string]asset{}}
	entries, err := files.ReadDir("assets")
	if err != nil {
		panic(err) // they are part of the program
	}
	for _, e := range entries {
		data, err := files.ReadFile("assets/" + e.Name())
		if err != nil {
			panic(err)
		}
		sum := sha256.Sum256(data)
		ext := path.Ext(e.Name())
		name := e.Name()[:len(e.Name())-len(ext)] + "-" + hex.EncodeToString(sum[:4]) + ext
		a.urls[e.Name()] = "/assets/" + name
		a.content[name] = asset{data, kinds[ext]}
	}
	return a
}

func (a *assets) url(name string) string { return a.urls[name] }

func (a *assets) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	file, ok := a.content[r.PathValue("file")]
	if !ok {
		http.NotFound(w, r)
		return
	}
	w.Header().Set("Content-Type", file.kind)
	w.Header().Set("Cache-Control", "public, max-age=31536000, immutable")
	w.Write(file.data)
}
