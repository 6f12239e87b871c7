package http

import (
	"cmp"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"fnregistry.dev/functions/core"
)

// HTTPCORSConfig says which foreign pages may read responses. The zero value
// allows none.
type HTTPCORSConfig struct {
	// Origins are those pages', as a browser writes them: https://app.example,
	// or http://localhost:3000. There is no "*" and no "null", which every
	// page can have. None: HTTPCORS does nothing.
	Origins     []string
	Methods     []string      // that they may use; none: GET, HEAD, POST, PUT, PATCH and DELETE
	Headers     []string      // of requests that they may set besides the simple ones; none: Authorization, Content-Type, If-Match and If-None-Match
	Expose      []string      // headers of responses that they may read besides the simple ones; none: ETag, Location and Retry-After
	Credentials bool          // let them send cookies
	MaxAge      time.Duration // for which a browser remembers a preflight; zero: 10 minutes
}

// HTTPCORS lets pages of the named origins read the responses of next (Cross-
// Origin Resource Sharing, in the Fetch standard), and responds to their
// preflights itself, with 204. Without Origins it returns next.
//
// Every response gets Vary: Origin, so that no cache gives one origin what was
// meant for another. A preflight of another origin gets 204 without permission:
// the browser then refuses the request.
//
// It does not keep foreign pages from sending requests: [HTTPSameOrigin] does,
// with the same origins as trusted ones. [HTTPStack] does so by its field CORS.
//
// Errors: CodeInvalid for an origin that no browser would send, or a method or
// header that is no token.
//
// More in http_cors.md:
//   - The pages of a named origin can do what the user of that browser can,
//     also without a token from this machine where http_stack allows that.
//   - The cookie of http_login is not sent across sites, whatever Credentials
//     is.
func HTTPCORS(next http.Handler, cfg HTTPCORSConfig) (http.Handler, error) {
	if len(cfg.Origins) == 0 {
		return next, nil
	}
	or := func(list []string, others ...string) []string {
		if len(list) == 0 {
			return others
		}
		return list
	}
	methods := or(cfg.Methods, "GET", "HEAD", "POST", "PUT", "PATCH", "DELETE")
	headers := or(cfg.Headers, "Authorization", "Content-Type", "If-Match", "If-None-Match")
	expose := or(cfg.Expose, "ETag", "Location", "Retry-After")
	if err := cfg.check(slices.Concat(methods, headers, expose)); err != nil {
		return nil, err
	}
	c := &cors{
		next: next, origins: slices.Clone(cfg.Origins), credentials: cfg.Credentials,
		methods: strings.Join(methods, ", "), headers: strings.Join(headers, ", "), expose: strings.Join(expose, ", "),
		maxAge: strconv.FormatInt(int64(cmp.Or(cfg.MaxAge, 10*time.Minute)/time.Second), 10),
	}
	return c, nil
}

func (cfg *HTTPCORSConfig) check(tokens []string) error {
	invalid := func(format string, args ...any) error {
		return &core.Error{Code: core.CodeInvalid, Op: "http_cors", Message: fmt.Sprintf(format, args...),
			Hint: "write an origin as https://app.example, in lower case, without a path and without a usual port"}
	}
	for _, origin := range cfg.Origins {
		u, err := url.Parse(origin)
		if err != nil || u.Host == "" || u.Hostname() == "" || u.Scheme+"://"+u.Host != origin || strings.ToLower(origin) != origin || strings.ContainsAny(origin, "* ,") ||
			u.Scheme == "http" && u.Port() == "80" || u.Scheme == "https" && u.Port() == "443" || strings.HasSuffix(u.Host, ":") {
			return invalid("no browser sends the origin %q", origin)
		}
	}
	for _, token := range tokens {
		if token == "" || strings.ContainsFunc(token, func(c rune) bool { return c <= ' ' || c > '~' || strings.ContainsRune(`"(),/:;<=>?@[\]{}*`, c) }) {
			return invalid("no method or header is called %q", token)
		}
	}
	return nil
}

type cors struct {
	next                             http.Handler
	origins                          []string
	credentials                      bool
	methods, headers, expose, maxAge string
}

func (c *cors) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	header := w.Header()
	header.Add("Vary", "Origin")
	origins := r.Header.Values("Origin")
	allowed := len(origins) == 1 && slices.Contains(c.origins, origins[0])
	if allowed {
		header.Set("Access-Control-Allow-Origin", origins[0])
		if c.credentials {
			header.Set("Access-Control-Allow-Credentials", "true")
		}
	}
	preflight := r.Method == http.MethodOptions && len(origins) > 0 && r.Header.Get("Access-Control-Request-Method") != ""
	if !preflight {
		if allowed {
			header.Set("Access-Control-Expose-Headers", c.expose)
		}
		c.next.ServeHTTP(w, r)
		return
	}
	header.Add("Vary", "Access-Control-Request-Method")
	header.Add("Vary", "Access-Control-Request-Headers")
	if allowed {
		header.Set("Access-Control-Allow-Methods", c.methods)
		header.Set("Access-Control-Allow-Headers", c.headers)
		header.Set("Access-Control-Max-Age", c.maxAge)
	}
	w.WriteHeader(http.StatusNoContent)
}
