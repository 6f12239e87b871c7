package api

import (
	"bytes"
	"net/http"
	"slices"
	"strconv"
	"time"

	"fnregistry.dev/apps/sqlite_api/data"
	"fnregistry.dev/functions/core"
)

type valueIn struct {
	getRowIn
	Column string `path:"column" json:"-" doc:"The column's name."`
}

// shownTypes are the types of blobs that a browser may show: none of them can
// run code.
var shownTypes = []string{"image/png", "image/jpeg", "image/gif", "image/webp"}

// getValue responds with a value's bytes. Its type is guessed from them, and
// nothing but pictures is shown by a browser.
func (a *api) getValue(w http.ResponseWriter, r *http.Request, in *valueIn) error {
	v, t, err := a.table(r.Context(), &in.tableIn)
	if err != nil {
		return err
	}
	return v.Value(r.Context(), t.Name, in.Key, in.Column, func(value any) error { return writeValue(w, r, value) })
}

func writeValue(w http.ResponseWriter, r *http.Request, value any) error {
	header := w.Header()
	header.Set("X-Content-Type-Options", "nosniff")
	header.Set("Content-Security-Policy", "default-src 'none'; sandbox")
	var content []byte
	switch value := value.(type) {
	case nil:
		return &core.Error{Code: core.CodeNotFound, Message: "the value is NULL"}
	case []byte:
		content = value
		kind := http.DetectContentType(content)
		if !slices.Contains(shownTypes, kind) {
			kind = "application/octet-stream"
			header.Set("Content-Disposition", "attachment")
		}
		header.Set("Content-Type", kind)
	default:
		content = []byte(data.FilterText(value))
		header.Set("Content-Type", "text/plain; charset=utf-8")
	}
	header.Set("Content-Length", strconv.Itoa(len(content)))
	http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(content))
	return nil
}
