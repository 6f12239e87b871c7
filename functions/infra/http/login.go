package http

import (
	"crypto/hmac"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"time"

	"fnregistry.dev/functions/core"
)

const (
	loginPath  = "/login"
	logoutPath = "/logout"

	loginAge   = 30 * 24 * time.Hour // of a cookie
	loginTries = 5                   // wrong tokens at once, from everybody together
	loginEvery = 2 * time.Second     // and then one in so long
)

// login lets people in who send a token by a form. What they get is a cookie that
// proves that they knew it, and does not hold it.
type login struct {
	page   func(http.ResponseWriter, *http.Request, HTTPLoginForm)
	hashes [][sha256.Size]byte // of the tokens
	tries  tries
}

// sameOrigin is what HTTPSameOrigin checks, for who uses HTTPBearerAuth alone.
var sameOrigin = http.NewCrossOriginProtection()

// serve answers the requests for logging in and out, and reports whether r is one
// of them.
func (l *login) serve(w http.ResponseWriter, r *http.Request) bool {
	switch {
	case r.URL.Path == loginPath && (r.Method == http.MethodGet || r.Method == http.MethodHead):
		l.show(w, r, errNeedsToken, "/")
	case r.URL.Path == loginPath && r.Method == http.MethodPost:
		l.enter(w, r)
	case r.URL.Path == logoutPath && r.Method == http.MethodPost:
		l.leave(w, r)
	default:
		return false
	}
	return true
}

// enter sets the cookie of who sends a token.
func (l *login) enter(w http.ResponseWriter, r *http.Request) {
	if err := sameOrigin.Check(r); err != nil {
		HTTPProblem(w, r, &core.Error{Code: core.CodeForbidden, Message: "a page of another origin may not log in", Err: err})
		return
	}
	r.Body = http.MaxBytesReader(innermost(w), r.Body, 8<<10)
	if err := r.ParseForm(); err != nil {
		HTTPProblem(w, r, &core.Error{Code: core.CodeInvalid, Message: "the form can't be read", Err: err})
		return
	}
	next := localPath(r.PostForm.Get("next"))
	if wait := l.tries.wait(); wait > 0 {
		l.show(w, r, &core.Error{Code: core.CodeLimited, Message: "too many wrong tokens were sent: wait a moment", RetryAfter: wait}, next)
		return
	}
	sum := sha256.Sum256([]byte(strings.TrimSpace(r.PostForm.Get("token"))))
	known := -1
	for i := range l.hashes {
		known = subtle.ConstantTimeSelect(subtle.ConstantTimeCompare(l.hashes[i][:], sum[:]), i, known)
	}
	if known < 0 {
		l.tries.spend()
		l.show(w, r, &core.Error{Code: core.CodeUnauthenticated, Message: "this token is not accepted"}, next)
		return
	}
	until := strconv.FormatInt(time.Now().Add(loginAge).Unix(), 10)
	l.setCookie(w, r, until+"."+proof(l.hashes[known], until), int(loginAge/time.Second))
	http.Redirect(w, r, next, http.StatusSeeOther)
}

func (l *login) leave(w http.ResponseWriter, r *http.Request) {
	if err := sameOrigin.Check(r); err != nil {
		HTTPProblem(w, r, &core.Error{Code: core.CodeForbidden, Message: "a page of another origin may not log out", Err: err})
		return
	}
	l.setCookie(w, r, "", -1)
	http.Redirect(w, r, "/", http.StatusSeeOther)
}

func (l *login) setCookie(w http.ResponseWriter, r *http.Request, value string, maxAge int) {
	w.Header().Set("Cache-Control", "no-store")
	http.SetCookie(w, &http.Cookie{
		Name: cookieName(r), Value: value, Path: "/", MaxAge: maxAge, HttpOnly: true, SameSite: http.SameSiteStrictMode,
		Secure: r.TLS != nil || r.Header.Get("X-Forwarded-Proto") == "https",
	})
}

// cookieName has the port that the browser asked for: ports of a host share
// their cookies, and each may be another program.
func cookieName(r *http.Request) string {
	if _, port, err := net.SplitHostPort(r.Host); err == nil {
		if n, err := strconv.ParseUint(port, 10, 16); err == nil {
			return "login_" + strconv.FormatUint(n, 10)
		}
	}
	return "login"
}

// proof is what only who knows a token's hash can make.
func proof(hash [sha256.Size]byte, until string) string {
	mac := hmac.New(sha256.New, hash[:])
	mac.Write([]byte("http_bearer_auth login until " + until))
	return hex.EncodeToString(mac.Sum(nil))
}

// allows reports whether a request has the cookie. One that changes something
// must say besides that it comes from a page of this server: browsers do so.
func (l *login) allows(r *http.Request) bool {
	in := false
	for _, cookie := range r.CookiesNamed(cookieName(r)) {
		until, sent, _ := strings.Cut(cookie.Value, ".")
		end, err := strconv.ParseInt(until, 10, 64)
		if err != nil || time.Now().Unix() >= end {
			continue
		}
		for _, hash := range l.hashes {
			if hmac.Equal([]byte(proof(hash, until)), []byte(sent)) {
				in = true
			}
		}
	}
	if !in {
		return false
	}
	switch changed := changing(r); changed.Method {
	case http.MethodGet, http.MethodHead, http.MethodOptions:
		return true
	default:
		says := r.Header.Get("Sec-Fetch-Site") != "" || r.Header.Get("Origin") != ""
		return says && sameOrigin.Check(changed) == nil
	}
}

// wantsPage reports whether who asks is a person in front of a browser.
func wantsPage(r *http.Request) bool {
	return (r.Method == http.MethodGet || r.Method == http.MethodHead) && HTTPAccept(r, "application/problem+json", "text/html") == "text/html"
}

// show answers with the form. The cookie is not sent with a link from another
// site, whose page is therefore asked for once more, from here.
func (l *login) show(w http.ResponseWriter, r *http.Request, err *core.Error, next string) {
	shown := HTTPReport(w, r, err)
	if r.Method == http.MethodGet && r.Header.Get("Sec-Fetch-Site") == "cross-site" {
		w.Header().Set("Refresh", "0")
	}
	form := HTTPLoginForm{Status: shown.Status, Action: loginPath, Next: next}
	if err != errNeedsToken {
		form.Problem = shown.Detail
	}
	l.page(w, r, form)
}

// localPath is where a form leads: a path of this server, else its root.
func localPath(next string) string {
	u, err := url.Parse(next)
	strange := strings.ContainsFunc(next, func(c rune) bool { return c <= ' ' || c == '\\' || c == 0x7f })
	if err != nil || strange || u.Scheme != "" || u.Host != "" || !strings.HasPrefix(next, "/") || strings.HasPrefix(next, "//") {
		return "/"
	}
	return next
}

// tries bounds how often a wrong token can be sent, by everybody together.
type tries struct {
	mu   sync.Mutex
	free time.Time // when all tries are there again
}

// wait is how long it takes until there is a try, or 0.
func (t *tries) wait() time.Duration {
	t.mu.Lock()
	defer t.mu.Unlock()
	return max(0, time.Until(t.free.Add(-(loginTries-1)*loginEvery)))
}

func (t *tries) spend() {
	t.mu.Lock()
	defer t.mu.Unlock()
	if now := time.Now(); t.free.Before(now) {
		t.free = now
	}
	t.free = t.free.Add(loginEvery)
}

// newLogin returns nil where nobody could log in.
func newLogin(cfg *HTTPBearerAuthConfig, hashes [][sha256.Size]byte) *login {
	if cfg.Login == nil || len(hashes) == 0 {
		return nil
	}
	return &login{page: cfg.Login, hashes: hashes}
}

var errNeedsToken = &core.Error{Code: core.CodeUnauthenticated, Message: "a bearer token is needed", Hint: "send the header Authorization: Bearer TOKEN"}
