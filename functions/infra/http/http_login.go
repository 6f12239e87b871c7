package http

import (
	"crypto/hmac"
	"crypto/sha256"
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

// HTTPLoginForm is what a page to log in shows, and what its form sends.
type HTTPLoginForm struct {
	Status  int    // of the response: 401, or 429 after too many wrong tokens
	Action  string // where the form is sent to, by POST, with the field token
	Next    string // value of its hidden field next: where it leads
	Problem string // why the last try was refused; empty: there was none
}

// HTTPLoginHandle is a way to log in, for [HTTPBearerAuthConfig] and
// [HTTPStackConfig].
type HTTPLoginHandle struct {
	guard func(hashes [][sha256.Size]byte) loginGuard // indirect, so that who does not call HTTPLogin does not link it
}

// loginGuard is a login with the tokens of a server.
type loginGuard interface {
	// serve handles the requests for logging in and out, and reports whether
	// r is one of them.
	serve(w http.ResponseWriter, r *http.Request) bool
	// allows returns which token a request's cookie is of, by its place in
	// hashes, or -1 if it is not let in.
	allows(r *http.Request) int
	// show responds with the form, because of err.
	show(w http.ResponseWriter, r *http.Request, err *core.Error, next string)
}

// HTTPLogin lets people in whose browser can't send a token, by a page with a
// form. page responds with that page; it must not be nil.
//
// Requests for pages (GET, and Accept has text/html) that are not let in get
// the form. POST /login, which it sends, sets a cookie for 30 days (HttpOnly,
// SameSite=Strict, Secure over TLS, another one for each port) and leads to
// next; POST /logout removes it. The cookie proves that somebody knew the
// token, and does not hold it; it is void when the token is replaced. With it,
// a request that changes something must have a header of a browser that says
// that a page of this server sent it (Sec-Fetch-Site or Origin). After five
// wrong tokens there is one try every two seconds, for everybody together.
//
// More in http_login.md:
//   - The cookie goes to all ports of its host: another program there could
//     read and use it.
//   - Over plain HTTP, anyone on the network path can read the token and the
//     cookie.
func HTTPLogin(page func(w http.ResponseWriter, r *http.Request, form HTTPLoginForm)) *HTTPLoginHandle {
	return &HTTPLoginHandle{func(hashes [][sha256.Size]byte) loginGuard { return &login{page: page, hashes: hashes} }}
}

// login is a loginGuard.
type login struct {
	page   func(http.ResponseWriter, *http.Request, HTTPLoginForm)
	hashes [][sha256.Size]byte // of the tokens
	tries  tries
}

// sameOrigin is what HTTPSameOrigin checks, for who uses HTTPBearerAuth alone.
var sameOrigin = http.NewCrossOriginProtection()

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
	wait := l.tries.take() // before the token is looked at: of many requests at once, five get that far
	if wait > 0 {
		l.show(w, r, &core.Error{Code: core.CodeLimited, Message: "too many wrong tokens were sent: wait a moment", RetryAfter: wait}, next)
		return
	}
	sum := sha256.Sum256([]byte(strings.TrimSpace(r.PostForm.Get("token"))))
	known := equalTo(l.hashes, sum)
	if known < 0 {
		l.show(w, r, &core.Error{Code: core.CodeUnauthenticated, Message: "this token is not accepted"}, next)
		return
	}
	l.tries.giveBack()
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

// allows wants the cookie, and of a request that changes something that it says
// that it comes from a page of this server: browsers do so.
func (l *login) allows(r *http.Request) int {
	known := -1
	for _, cookie := range r.CookiesNamed(cookieName(r)) {
		until, sent, _ := strings.Cut(cookie.Value, ".")
		end, err := strconv.ParseInt(until, 10, 64)
		if err != nil || time.Now().Unix() >= end {
			continue
		}
		for i, hash := range l.hashes {
			if hmac.Equal([]byte(proof(hash, until)), []byte(sent)) {
				known = i
			}
		}
	}
	switch changed := changing(r); changed.Method {
	case http.MethodGet, http.MethodHead, http.MethodOptions:
	default:
		says := r.Header.Get("Sec-Fetch-Site") != "" || r.Header.Get("Origin") != ""
		if !says || sameOrigin.Check(changed) != nil {
			return -1
		}
	}
	return known
}

// wantsPage reports whether who asks is a person in front of a browser.
func wantsPage(r *http.Request) bool {
	return (r.Method == http.MethodGet || r.Method == http.MethodHead) && HTTPAccept(r, "application/problem+json", "text/html") == "text/html"
}

// show responds with the form. The cookie is not sent with a link from another
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

// take takes a try; where there is none, it returns how long that takes.
func (t *tries) take() time.Duration {
	t.mu.Lock()
	defer t.mu.Unlock()
	if wait := time.Until(t.free.Add(-(loginTries - 1) * loginEvery)); wait > 0 {
		return wait
	}
	if now := time.Now(); t.free.Before(now) {
		t.free = now
	}
	t.free = t.free.Add(loginEvery)
	return 0
}

// giveBack returns the try of who sent a right token.
func (t *tries) giveBack() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.free = t.free.Add(-loginEvery)
}

var errNeedsToken = &core.Error{
	Code: core.CodeUnauthenticated, Message: "a bearer token is needed", Hint: "send the header Authorization: Bearer TOKEN",
}
