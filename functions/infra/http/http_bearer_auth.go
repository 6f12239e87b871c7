package http

import (
	"cmp"
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"fmt"
	"net"
	"net/http"
	"strings"

	"fnregistry.dev/functions/core"
)

// minTokenBytes refuses passwords and placeholders: 16 random bytes are 22
// characters of base64, 16 the least anyone would call a token.
const minTokenBytes = 16

// HTTPBearerAuthToken is a token that says who bears it.
type HTTPBearerAuthToken struct {
	Name   string            // what HTTPBearerName returns
	SHA256 [sha256.Size]byte // of the token, which is as long and random as others: nobody can check that
}

// HTTPBearerAuthConfig says who may pass [HTTPBearerAuth].
type HTTPBearerAuthConfig struct {
	// Tokens are of 16 or more visible ASCII characters each; two while one
	// replaces another. Empty ones, of a setting that is not set, are passed
	// over. None needs AllowLoopback.
	Tokens []string
	Named  []HTTPBearerAuthToken // further ones, each with a name of its own
	Realm  string                // named in WWW-Authenticate; empty: api
	// AllowLoopback lets requests pass without a token that come from this
	// machine, name it by a loopback name or address as their host, speak
	// HTTP/1.1, and bear no header of a proxy. Default false.
	AllowLoopback bool
	// Login is a way in for people, whose browser can't send a token. nil:
	// there is none, and they get problem JSON.
	Login *HTTPLoginHandle
}

// HTTPBearerAuth lets a request through to next if its Authorization header
// bears one of the tokens (RFC 6750), and responds with problem JSON and status
// 401 and WWW-Authenticate otherwise. It keeps the tokens' SHA-256 alone,
// compares in constant time, and takes no token from the query or a form, since
// those are logged.
//
// The host counts because a browser on this machine sends what a foreign page
// asks it to: a name that an attacker points at 127.0.0.1 (DNS rebinding) comes
// from this machine, too.
//
// Without any token, which needs AllowLoopback, others are refused with 403.
//
// Errors: CodeInvalid without a token and AllowLoopback, or with a token that
// is too short or holds blanks. No message contains a token.
//
// More in http_bearer_auth.md:
//   - HTTPBearerName says which token it was; those of Tokens are equal.
//   - It does not slow down guessing. 16 random bytes need no limit; a password
//     would, and is refused only if it is short.
func HTTPBearerAuth(next http.Handler, cfg HTTPBearerAuthConfig) (http.Handler, error) {
	var hashes [][sha256.Size]byte
	var names []string // of hashes
	for i, token := range cfg.Tokens {
		if token == "" {
			continue
		}
		if len(token) < minTokenBytes || strings.ContainsFunc(token, func(c rune) bool { return c <= ' ' || c > '~' }) {
			return nil, &core.Error{Code: core.CodeInvalid, Op: "http_bearer_auth",
				Message: fmt.Sprintf("token %d is too short or holds other than visible ASCII characters", i+1),
				Hint:    "make one with: openssl rand -hex 32"}
		}
		hashes, names = append(hashes, sha256.Sum256([]byte(token))), append(names, "")
	}
	for _, token := range cfg.Named {
		hashes, names = append(hashes, token.SHA256), append(names, token.Name)
	}
	if len(hashes) == 0 && !cfg.AllowLoopback {
		return nil, &core.Error{Code: core.CodeInvalid, Op: "http_bearer_auth", Message: "no token, so no request could pass"}
	}
	challenge := fmt.Sprintf("Bearer realm=%q", cmp.Or(cfg.Realm, "api"))
	allowLoopback := cfg.AllowLoopback
	var login loginGuard // nil where nobody could log in
	if cfg.Login != nil && len(hashes) > 0 {
		login = cfg.Login.guard(hashes)
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if login != nil && login.serve(w, r) {
			return
		}
		token, given := bearerToken(r)
		known := -1 // the token in hashes
		if given {
			known = equalTo(hashes, sha256.Sum256([]byte(token)))
		} else if login != nil {
			known = login.allows(r)
		}
		switch {
		case known >= 0:
			// r itself rather than a copy: the mux writes the pattern, which
			// the access log reads, into r.
			*r = *r.WithContext(context.WithValue(r.Context(), bearerKey{}, names[known]))
			next.ServeHTTP(w, r)
		case !given && allowLoopback && fromLoopback(r):
			next.ServeHTTP(w, r)
		case len(hashes) == 0:
			HTTPProblem(w, r, &core.Error{Code: core.CodeForbidden, Message: "only programs on this machine may do this",
				Hint: "start the server with a token, or ask it by its loopback address"})
		case given:
			w.Header().Set("WWW-Authenticate", challenge+`, error="invalid_token"`)
			HTTPProblem(w, r, &core.Error{Code: core.CodeUnauthenticated, Message: "the bearer token is not accepted"})
		case login != nil && wantsPage(r):
			w.Header().Set("WWW-Authenticate", challenge)
			login.show(w, r, errNeedsToken, r.URL.RequestURI())
		default:
			w.Header().Set("WWW-Authenticate", challenge)
			HTTPProblem(w, r, errNeedsToken)
		}
	}), nil
}

// bearerToken returns what follows "Bearer " in the only Authorization header;
// given is false where there is no header.
func bearerToken(r *http.Request) (token string, given bool) {
	headers := r.Header.Values("Authorization")
	if len(headers) == 0 {
		return "", false
	}
	scheme, token, _ := strings.Cut(headers[0], " ")
	if len(headers) > 1 || !strings.EqualFold(scheme, "Bearer") {
		return "", true // equal to no token
	}
	return strings.TrimSpace(token), true
}

// equalTo returns which hash is equal, or -1. It looks at every one, so that
// its time does not tell which one was right.
func equalTo(hashes [][sha256.Size]byte, hash [sha256.Size]byte) int {
	known := -1
	for i := range hashes {
		known = subtle.ConstantTimeSelect(subtle.ConstantTimeCompare(hashes[i][:], hash[:]), i, known)
	}
	return known
}

// fromLoopback is false for what a proxy on this machine forwarded for somebody
// else, and for a page that reached this machine by a name of its own.
func fromLoopback(r *http.Request) bool {
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	return err == nil && !forwarded(r) && net.ParseIP(host).IsLoopback() && isLoopbackHost(bareHost(r.Host))
}
