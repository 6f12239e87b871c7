package http

import (
	"bytes"
	"cmp"
	"net/http"
	"strconv"
	"strings"
	"time"

	"fnregistry.dev/functions/core"
)

// HTTPConditionalConfig changes [HTTPConditional]. The zero value is usable.
type HTTPConditionalConfig struct {
	// ETag returns the tag that the response to a request will have, in quotes,
	// W/ before them for a weak one, or "" to have it computed. It runs before
	// the handler, which is then not called at all for a 304. A handler's own
	// ETag wins. nil: all are computed.
	ETag func(*http.Request) string
	// Weak makes computed tags weak, for handlers whose equal responses may
	// differ in bytes later on the way.
	Weak bool
	// MaxBytes is the longest body that is held in memory to compute its tag;
	// longer ones are passed on without. Zero: 4 MiB.
	MaxBytes int
}

// HTTPConditional gives the responses of next to GET and HEAD an ETag, and
// answers 304, 412 or a byte range where the request's If-None-Match,
// If-Modified-Since, If-Match or Range ask for it (by http.ServeContent). A
// computed tag is the content's SHA-256, and a strong one.
//
// Only a 200 that ends within MaxBytes is held and tagged. What is flushed, an
// event stream, or marked Cache-Control: no-store is passed on as it comes.
//
// More in http_conditional.md:
//   - A tag from ETag must differ between all responses of one URL: if they
//     vary by Accept or by user, put that into the tag, and a process' start
//     too if revisions start over.
//   - ETag runs before the handler, for paths that don't exist too.
func HTTPConditional(next http.Handler, cfg HTTPConditionalConfig) http.Handler {
	maxBytes := cmp.Or(cfg.MaxBytes, 4<<20)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodGet && r.Method != http.MethodHead {
			next.ServeHTTP(w, r)
			return
		}
		held := &conditionalResponse{ResponseWriter: w, maxBytes: maxBytes}
		if cfg.ETag != nil {
			held.known = cfg.ETag(r)
		}
		if held.known != "" {
			w.Header().Set("Etag", held.known)
			if notModified(r, held.known) {
				w.WriteHeader(http.StatusNotModified)
				return
			}
		}
		next.ServeHTTP(held, r)
		held.finish(r, cfg.Weak)
	})
}

// notModified asks net/http, which reads If-None-Match, without a body to serve
// yet.
func notModified(r *http.Request, tag string) bool {
	if asked := r.Header.Get("If-None-Match"); asked == "" || strings.TrimSpace(asked) == "*" {
		return false // "*" asks whether there is anything at all, which the handler knows
	}
	probe := probeResponse{header: http.Header{"Etag": {tag}}}
	asked := &http.Request{Method: r.Method, Header: http.Header{"If-None-Match": r.Header.Values("If-None-Match")}}
	http.ServeContent(&probe, asked, "", time.Time{}, bytes.NewReader(nil))
	return probe.status == http.StatusNotModified
}

type probeResponse struct {
	header http.Header
	status int
}

func (p *probeResponse) Header() http.Header         { return p.header }
func (p *probeResponse) WriteHeader(status int)      { p.status = status }
func (p *probeResponse) Write(b []byte) (int, error) { return len(b), nil }

// conditionalResponse holds a body back until it is whole, or until it turns
// out to be none to hold.
type conditionalResponse struct {
	http.ResponseWriter
	maxBytes int
	known    string // the tag from the config
	status   int    // what the handler chose; 0: nothing yet
	body     bytes.Buffer
	passing  bool // the header is out, and the body goes straight through
}

func (c *conditionalResponse) Unwrap() http.ResponseWriter { return c.ResponseWriter }

func (c *conditionalResponse) WriteHeader(status int) {
	if status < 200 && status != http.StatusSwitchingProtocols || c.passing {
		c.ResponseWriter.WriteHeader(status)
		return
	}
	c.status = cmp.Or(c.status, status)
	header := c.Header()
	if c.status != http.StatusOK && header.Get("Etag") == c.known {
		header.Del("Etag") // it was for the 200
	}
	if c.status != http.StatusOK || strings.Contains(header.Get("Cache-Control"), "no-store") ||
		strings.HasPrefix(header.Get("Content-Type"), "text/event-stream") {
		c.pass()
	}
}

func (c *conditionalResponse) Write(p []byte) (int, error) {
	if c.status == 0 {
		c.WriteHeader(http.StatusOK)
	}
	if !c.passing && c.body.Len()+len(p) > c.maxBytes {
		if err := c.pass(); err != nil {
			return 0, err
		}
	}
	if c.passing {
		return c.ResponseWriter.Write(p)
	}
	return c.body.Write(p)
}

// FlushError is what http.ResponseController calls.
func (c *conditionalResponse) FlushError() error {
	if c.status == 0 {
		c.WriteHeader(http.StatusOK)
	}
	if !c.passing {
		if err := c.pass(); err != nil {
			return err
		}
	}
	return http.NewResponseController(c.ResponseWriter).Flush()
}

func (c *conditionalResponse) Flush() { c.FlushError() }

func (c *conditionalResponse) pass() error {
	c.passing = true
	c.ResponseWriter.WriteHeader(c.status)
	if c.body.Len() == 0 {
		return nil
	}
	_, err := c.body.WriteTo(c.ResponseWriter)
	return err
}

func (c *conditionalResponse) finish(r *http.Request, weak bool) {
	if c.passing {
		return
	}
	if c.body.Len() == 0 { // a response to HEAD without its body, an empty 200, or a hijacked connection
		if c.status != 0 {
			c.pass()
		}
		return
	}
	header := c.Header()
	if header.Get("Etag") == "" {
		tag := `"` + string(core.HashContent(c.body.Bytes())) + `"`
		if weak {
			tag = "W/" + tag
		}
		header.Set("Etag", tag)
	}
	header.Del("Content-Length")                               // of the whole: a 412, a 304 or a part has another one
	modified, _ := http.ParseTime(header.Get("Last-Modified")) // zero, which ServeContent leaves out, if there is none
	http.ServeContent(c.ResponseWriter, readableRange(r, int64(c.body.Len())), "", modified, bytes.NewReader(c.body.Bytes()))
}

// maxRanges is more than what viewers of documents ask for at once.
const maxRanges = 32

// readableRange takes out of a request what net/http reads otherwise than RFC
// 9110, 14: a unit other than bytes is to be ignored, and no 416; the last 0
// bytes are not satisfiable, and no 206 without content. More than maxRanges
// are ignored, too: each gets a header of its own, so that a request of 60 kB
// would be worth a megabyte.
func readableRange(r *http.Request, size int64) *http.Request {
	asked := r.Header.Get("Range")
	if asked == "" {
		return r
	}
	unit, list, _ := strings.Cut(asked, "=")
	r = r.Clone(r.Context())
	if !strings.EqualFold(strings.TrimSpace(unit), "bytes") {
		r.Header.Del("Range")
		return r
	}
	ranges := strings.Split(list, ",")
	if len(ranges) > maxRanges {
		r.Header.Del("Range")
		return r
	}
	for i, one := range ranges {
		last, ok := strings.CutPrefix(strings.TrimSpace(one), "-")
		if ok && last != "" && strings.Trim(last, "0") == "" {
			ranges[i] = strconv.FormatInt(size, 10) + "-" // behind the end, which net/http leaves out
		}
	}
	r.Header.Set("Range", "bytes="+strings.Join(ranges, ","))
	return r
}
