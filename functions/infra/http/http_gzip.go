package http

import (
	"cmp"
	"compress/gzip"
	"mime"
	"net/http"
	"strconv"
	"strings"
	"sync"
)

// gzipLevel 3 gives within 7 % of level 6's size here, in about half its time.
const gzipLevel = 3

var gzipWriters = sync.Pool{New: func() any {
	w, _ := gzip.NewWriterLevel(nil, gzipLevel) // fails for an unknown level only
	return w
}}

// HTTPGzipConfig changes [HTTPGzip]. The zero value is usable.
type HTTPGzipConfig struct {
	MinBytes int // shorter bodies go out as they are; zero: 1024; negative: none is too short
}

// HTTPGzip compresses the responses of next with gzip for clients that accept
// it. It leaves alone what is short, already encoded, a byte range, of a type
// that does not shrink (images, archives), an event stream, or marked
// Cache-Control: no-transform. A streamed response stays one: each flush sends
// what is there.
//
// All responses get Vary: Accept-Encoding. A compressed one loses
// Content-Length and Accept-Ranges, and its ETag becomes a weak one (RFC 9110,
// section 8.8.3.3), which If-None-Match still matches.
//
// More in http_gzip.md:
//   - BREACH: where one response holds a secret and also text that an attacker
//     chose, its compressed length leaks the secret step by step.
//   - A compressed response's ETag is weak.
func HTTPGzip(next http.Handler, cfg HTTPGzipConfig) http.Handler {
	minBytes := max(cmp.Or(cfg.MinBytes, 1024), 0)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Add("Vary", "Accept-Encoding")
		if !acceptsCoding(r.Header.Values("Accept-Encoding"), "gzip") {
			next.ServeHTTP(w, r)
			return
		}
		zipped := &gzipResponse{ResponseWriter: w, request: r, minBytes: minBytes}
		next.ServeHTTP(zipped, r)
		zipped.finish() // not after a panic: what is cut has no end
	})
}

// acceptsCoding reads Accept-Encoding (RFC 9110, section 12.5.3): a coding by
// its name, else by "*", with a weight above zero.
func acceptsCoding(headers []string, wanted string) bool {
	any := false
	for _, header := range headers {
		for entry := range strings.SplitSeq(header, ",") {
			coding, params, _ := strings.Cut(entry, ";")
			name, value, _ := strings.Cut(params, "=")
			weight := 1.0
			if strings.EqualFold(strings.TrimSpace(name), "q") {
				weight, _ = strconv.ParseFloat(strings.TrimSpace(value), 64) // one that does not parse refuses
			}
			switch strings.TrimPrefix(strings.ToLower(strings.TrimSpace(coding)), "x-") { // x-gzip is gzip (RFC 9110, section 8.4.1.3)
			case wanted:
				return weight > 0
			case "*":
				any = weight > 0
			}
		}
	}
	return any
}

// gzipResponse holds back the first minBytes of a body, then decides once how
// the rest goes out.
type gzipResponse struct {
	http.ResponseWriter
	request  *http.Request
	minBytes int
	status   int    // what the handler chose; 0: nothing yet
	held     []byte // the body so far, while undecided
	decided  bool
	gz       *gzip.Writer // set once the response is compressed
}

func (g *gzipResponse) Unwrap() http.ResponseWriter { return g.ResponseWriter }

func (g *gzipResponse) WriteHeader(status int) {
	if status < 200 && status != http.StatusSwitchingProtocols || g.decided {
		g.ResponseWriter.WriteHeader(status) // net/http says what is wrong with a second one
		return
	}
	g.status = cmp.Or(g.status, status)
	if !g.mayCompress() {
		g.decide(false, nil)
	}
}

func (g *gzipResponse) Write(p []byte) (int, error) {
	if g.status == 0 {
		g.WriteHeader(http.StatusOK)
	}
	switch {
	case g.gz != nil:
		return g.gz.Write(p)
	case g.decided:
		return g.ResponseWriter.Write(p)
	}
	if len(g.held)+len(p) < g.minBytes {
		g.held = append(g.held, p...)
		return len(p), nil
	}
	if err := g.decide(true, p); err != nil {
		return 0, err
	}
	return len(p), nil
}

// FlushError is what http.ResponseController calls.
func (g *gzipResponse) FlushError() error {
	if g.status == 0 {
		g.WriteHeader(http.StatusOK)
	}
	if !g.decided {
		if err := g.decide(true, nil); err != nil { // of a stream, nobody knows how long it gets
			return err
		}
	}
	if g.gz != nil {
		if err := g.gz.Flush(); err != nil {
			return err
		}
	}
	return http.NewResponseController(g.ResponseWriter).Flush()
}

func (g *gzipResponse) Flush() { g.FlushError() }

func (g *gzipResponse) finish() {
	if g.status != 0 && !g.decided {
		g.decide(false, nil)
	}
	if g.gz != nil {
		g.gz.Close() // error ignored: the client is gone
		gzipWriters.Put(g.gz)
		g.gz = nil
	}
}

// mayCompress reports whether status and headers allow it; the type is looked
// at later, as it may have to be sniffed.
func (g *gzipResponse) mayCompress() bool {
	header := g.Header()
	length, err := strconv.Atoi(header.Get("Content-Length"))
	short := err == nil && length < g.minBytes
	bodiless := g.status < 200 || g.status == http.StatusNoContent || g.status == http.StatusNotModified
	return !short && !bodiless && header.Get("Content-Encoding") == "" && header.Get("Content-Range") == "" &&
		!strings.Contains(strings.ToLower(header.Get("Cache-Control")), "no-transform")
}

// decide sends the header, what was held, and more.
func (g *gzipResponse) decide(compress bool, more []byte) error {
	g.decided = true
	header := g.Header()
	body := more // without a copy where one Write was all
	if len(g.held) > 0 {
		body = append(g.held, more...)
	}
	g.held = nil
	if len(body) > 0 && header.Get("Content-Type") == "" {
		header.Set("Content-Type", http.DetectContentType(body)) // net/http would look at the compressed bytes
	}
	if g.status == http.StatusNotModified {
		g.weakenNotModified()
	}
	if !compress || !shrinks(header.Get("Content-Type")) {
		g.ResponseWriter.WriteHeader(g.status)
		if len(body) == 0 {
			return nil
		}
		_, err := g.ResponseWriter.Write(body)
		return err
	}
	header.Set("Content-Encoding", "gzip")
	header.Del("Content-Length")
	header.Del("Accept-Ranges")
	if tag := header.Get("Etag"); tag != "" && !strings.HasPrefix(tag, "W/") {
		header.Set("Etag", "W/"+tag)
	}
	g.ResponseWriter.WriteHeader(g.status)
	g.gz = gzipWriters.Get().(*gzip.Writer)
	g.gz.Reset(g.ResponseWriter)
	_, err := g.gz.Write(body)
	return err
}

// weakenNotModified lets a 304 name the tag that the 200 had (RFC 9110, section
// 15.4.5): the weak one, if that is what the client asked about.
func (g *gzipResponse) weakenNotModified() {
	tag := g.Header().Get("Etag")
	if tag != "" && strings.Contains(g.request.Header.Get("If-None-Match"), "W/"+tag) {
		g.Header().Set("Etag", "W/"+tag)
	}
}

// shrinks reports whether bodies of this type are text, as far as compression
// cares.
func shrinks(contentType string) bool {
	media, _, err := mime.ParseMediaType(contentType)
	if err != nil || media == "text/event-stream" { // events are small, and a proxy that unzips would hold them back
		return false
	}
	if strings.HasPrefix(media, "text/") || strings.HasSuffix(media, "+json") || strings.HasSuffix(media, "+xml") {
		return true
	}
	switch media {
	case "application/json", "application/x-ndjson", "application/xml", "application/javascript", "application/wasm",
		"application/openmetrics-text", "application/yaml":
		return true
	}
	return false
}
