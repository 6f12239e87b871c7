package http

import (
	"net"
	"net/http"
	"slices"
	"strings"

	"fnregistry.dev/functions/core"
)

// HTTPSameOriginConfig widens what [HTTPSameOrigin] lets through. The zero
// value suits a server that is used on its own machine, by its own pages and by
// programs.
type HTTPSameOriginConfig struct {
	Hosts          []string // host names (or addresses) without port that requests may name, besides the loopback ones; "*": any, for a proxy that checks them
	TrustedOrigins []string // origins (https://example.org) whose pages may change state here
}

// HTTPSameOrigin refuses what a browser sends on behalf of a foreign page, with
// a 403 problem: requests that name a host which is not this server's, since a
// name that an attacker points at 127.0.0.1 (DNS rebinding) makes his page look
// like ours; and cross-origin requests that change state (all but GET, HEAD and
// OPTIONS), by net/http's CrossOriginProtection, which reads Sec-Fetch-Site and
// Origin.
//
// A handshake of WebSocket counts as one that changes state: it is a GET, and
// browsers let a foreign page talk on.
//
// Always allowed are the hosts localhost, *.localhost and loopback addresses.
// Requests of programs that send neither header pass: this keeps browsers
// honest and authenticates nobody.
//
// Errors: CodeInvalid for a host with a port or scheme, or a bad origin.
//
// More in http_same_origin.md:
//   - It authenticates nobody.
//   - GET, HEAD and OPTIONS pass from any origin: they must not change
//     anything.
func HTTPSameOrigin(next http.Handler, cfg HTTPSameOriginConfig) (http.Handler, error) {
	hosts := make([]string, len(cfg.Hosts))
	for i, host := range cfg.Hosts {
		hosts[i] = strings.ToLower(strings.Trim(host, "[]"))
		if host == "" || strings.Contains(host, "/") || strings.Contains(hosts[i], ":") && net.ParseIP(hosts[i]) == nil {
			return nil, &core.Error{Code: core.CodeInvalid, Op: "http_same_origin", Message: "not a host: " + host,
				Hint: "write the name or address alone, without scheme and port"}
		}
	}
	protection := http.NewCrossOriginProtection()
	for _, origin := range cfg.TrustedOrigins {
		if err := protection.AddTrustedOrigin(origin); err != nil {
			return nil, &core.Error{Code: core.CodeInvalid, Op: "http_same_origin", Err: err}
		}
	}
	anyHost := slices.Contains(hosts, "*")
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		host := bareHost(r.Host)
		if !anyHost && !isLoopbackHost(host) && !slices.Contains(hosts, host) {
			HTTPProblem(w, r, &core.Error{Code: core.CodeForbidden, Message: "this server does not answer for the host that was asked for",
				Hint: "use its loopback address, or add the host to those it answers for"})
			return
		}
		if err := protection.Check(changing(r)); err != nil {
			HTTPProblem(w, r, &core.Error{Code: core.CodeForbidden, Message: "a page of another origin may not do this",
				Hint: "send the request from this server's own pages, or from a program that is no browser", Err: err})
			return
		}
		next.ServeHTTP(w, r)
	}), nil
}

// changing is r for a check that lets any GET pass: with another method where r
// asks for a connection of its own.
func changing(r *http.Request) *http.Request {
	if r.Header.Get("Upgrade") == "" {
		return r
	}
	upgrade := *r
	upgrade.Method = http.MethodPost
	return &upgrade
}

// bareHost is a Host header without port, brackets and the final dot of a full
// name, in lower case.
func bareHost(host string) string {
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	return strings.ToLower(strings.TrimSuffix(strings.Trim(host, "[]"), "."))
}

// isLoopbackHost holds for names that no resolver on the way gives away: RFC
// 6761 keeps localhost for loopback.
func isLoopbackHost(host string) bool {
	return host == "localhost" || strings.HasSuffix(host, ".localhost") || net.ParseIP(host).IsLoopback()
}
