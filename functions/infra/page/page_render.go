package page

import (
	"bytes"
	"net/http"
)

// PageRender answers a request with a component as text/html. The component is
// rendered as a whole first, so that http_conditional and http_gzip see an
// answer that is not flushed, and an error leaves nothing half written.
//
// It returns the error of a component that can't be rendered; nothing has been
// sent then. That the client has gone is no error.
//
// More in page_render.md:
//   - The whole response is held in memory: a table of 10,000 rows takes about
//     3 MB.
//   - The caller sets Cache-Control.
func PageRender(w http.ResponseWriter, r *http.Request, status int, component PageComponent) error {
	var whole bytes.Buffer
	if err := component.Render(r.Context(), &whole); err != nil {
		return err
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.WriteHeader(status)
	w.Write(whole.Bytes()) // error ignored: the client is gone
	return nil
}
