package http

import (
	"cmp"
	"compress/gzip"
	"io"
	"net/http"
	"strings"

	"fnregistry.dev/functions/core"
)

// HTTPGunzipConfig bounds what [HTTPGunzip] takes. The zero value is usable.
type HTTPGunzipConfig struct {
	MaxBytes int64 // longest body once it is unpacked; zero: 8 MiB
}

// HTTPGunzip unpacks request bodies that have Content-Encoding: gzip (or
// x-gzip), as they are read. next sees neither that header nor Content-Length.
// Bodies without a coding pass as they are; another coding, or several, is
// refused with 415 and the header Accept-Encoding: gzip (RFC 9110, section
// 15.5.16).
//
// Reading a body fails with CodeTooLarge beyond MaxBytes, and with CodeInvalid
// where it is no gzip or is cut short; both are errors that HTTPProblem shows.
// Memory is that of the decoder, 40 kB, however far a body unpacks.
//
// It belongs inside [HTTPStack], whose limit counts the packed bytes: pass it
// as the stack's next.
//
// More in http_gunzip.md:
//   - It is off unless you use it, since few clients pack what they send.
//   - A megabyte of gzip can hold a gigabyte: keep MaxBytes near what a handler
//     needs.
func HTTPGunzip(next http.Handler, cfg HTTPGunzipConfig) http.Handler {
	maxBytes := cmp.Or(cfg.MaxBytes, 8<<20)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		codings := strings.ToLower(strings.Join(r.Header.Values("Content-Encoding"), ","))
		switch strings.TrimSpace(codings) {
		case "", "identity":
			r.Header.Del("Content-Encoding")
			next.ServeHTTP(w, r)
			return
		case "gzip", "x-gzip":
		default:
			w.Header().Set("Accept-Encoding", "gzip")
			HTTPProblem(w, r, &HTTPProblemError{Status: http.StatusUnsupportedMediaType, Err: &core.Error{
				Code: core.CodeUnsupported, Op: "http_gunzip", Message: "the body's Content-Encoding is not supported", Hint: "send it as it is, or as gzip"}})
			return
		}
		// It changes r itself: the mux writes the pattern into it.
		r.Header.Del("Content-Encoding")
		r.Header.Del("Content-Length")
		r.ContentLength = -1
		r.Body = &gunzipped{packed: r.Body, left: maxBytes, most: maxBytes}
		next.ServeHTTP(w, r)
	})
}

// gunzipped is a body as it is unpacked.
type gunzipped struct {
	packed io.ReadCloser
	gz     *gzip.Reader // nil before the first Read
	left   int64        // bytes that may still come
	most   int64
	err    error // of an earlier Read
}

func (g *gunzipped) Read(p []byte) (int, error) {
	if g.err != nil || len(p) == 0 {
		return 0, g.err
	}
	n, err := g.read(p)
	g.err = err
	return n, err
}

func (g *gunzipped) read(p []byte) (int, error) {
	if g.gz == nil {
		gz, err := gzip.NewReader(g.packed)
		if err != nil {
			return 0, g.failed(err)
		}
		g.gz = gz
	}
	n, err := g.gz.Read(p[:min(int64(len(p)), g.left+1)]) // one more tells too long from just long enough
	if int64(n) > g.left {
		return int(g.left), bodyTooLarge("http_gunzip", g.most, nil)
	}
	g.left -= int64(n)
	if err != nil && err != io.EOF {
		err = g.failed(err)
	}
	return n, err
}

// failed says that a broken body is the client's fault. What reading the packed
// bytes reports by a code of its own, such as their limit, stays as it is.
func (g *gunzipped) failed(err error) error {
	if core.ErrorCode(err) != core.CodeInternal {
		return err
	}
	return &core.Error{Code: core.CodeInvalid, Op: "http_gunzip", Message: "the body is no gzip, or is cut short", Err: err}
}

func (g *gunzipped) Close() error { return g.packed.Close() }
