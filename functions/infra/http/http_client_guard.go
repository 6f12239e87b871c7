package http

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"syscall"
	"time"

	"fnregistry.dev/functions/core"
)

// HTTPClientGuardConfig bounds what a client from [HTTPClientGuard] does. The
// zero value is usable.
type HTTPClientGuardConfig struct {
	// Allow are networks that may be reached though they are not public, such
	// as 10.1.2.0/24. None.
	Allow []netip.Prefix
	// Timeout is for a whole request, from resolving the name to the last byte
	// of the body, redirects included. Zero: 30 s.
	Timeout time.Duration
	// MaxBytes is the longest body of a response, once it is unpacked. Zero:
	// 10 MiB.
	MaxBytes int64
	// MaxRedirects is how many are followed. Zero: 5; negative: none, and the
	// response with the redirect is returned.
	MaxRedirects int
}

// HTTPClientGuard returns a client for URLs that come from outside, such as
// webhooks and link previews (against server-side request forgery). It connects
// to public addresses alone: the address is looked at when the connection is
// made, after the name was resolved, so that neither a name that changes its
// address (DNS rebinding) nor a redirect leads inside. Refused are loopback,
// private, link-local and multicast addresses, those of this machine, those
// that are reserved, and IPv6 addresses that stand for IPv4 ones. Only http and
// https are spoken, without a proxy.
//
// A request to a refused address fails with CodeForbidden, a longer body with
// CodeTooLarge, as does reading it beyond MaxBytes, and a request that takes
// too long with CodeTimeout; all by core.ErrorCode.
//
// The client may be shared. The caller closes the bodies, as with http.Client.
//
// More in http_client_guard.md:
//   - It does not use HTTP_PROXY, since a proxy would resolve names itself.
//   - A public address can be any server: don't send it secrets.
func HTTPClientGuard(cfg HTTPClientGuardConfig) *http.Client {
	g := &guard{allow: slices.Clone(cfg.Allow), maxBytes: cmp.Or(cfg.MaxBytes, 10<<20)}
	g.dialer = net.Dialer{Timeout: 10 * time.Second, ControlContext: g.control}
	g.base = &http.Transport{
		DialContext: g.dialer.DialContext, ForceAttemptHTTP2: true,
		TLSHandshakeTimeout: 10 * time.Second, IdleConnTimeout: 30 * time.Second,
		MaxIdleConns: 20, MaxResponseHeaderBytes: 64 << 10,
	}
	most := max(cmp.Or(cfg.MaxRedirects, 5), 0)
	return &http.Client{
		Transport: g, Timeout: cmp.Or(cfg.Timeout, 30*time.Second),
		CheckRedirect: func(_ *http.Request, via []*http.Request) error {
			switch {
			case most == 0:
				return http.ErrUseLastResponse
			case len(via) > most:
				return &core.Error{Code: core.CodeForbidden, Op: "http_client_guard", Message: fmt.Sprintf("more than %d redirects", most)}
			}
			return nil
		},
	}
}

// guard is a transport that bounds bodies, over one that looks at addresses.
type guard struct {
	base     *http.Transport
	dialer   net.Dialer
	allow    []netip.Prefix
	maxBytes int64
}

func (g *guard) RoundTrip(r *http.Request) (*http.Response, error) {
	response, err := g.base.RoundTrip(r)
	if err != nil {
		return nil, err
	}
	if r.Method != http.MethodHead && response.ContentLength > g.maxBytes {
		response.Body.Close()
		return nil, g.tooLarge()
	}
	if response.StatusCode != http.StatusSwitchingProtocols { // whose body is the connection
		response.Body = &guardedBody{ReadCloser: response.Body, guard: g, left: g.maxBytes}
	}
	return response, nil
}

// CloseIdleConnections is what http.Client calls.
func (g *guard) CloseIdleConnections() { g.base.CloseIdleConnections() }

func (g *guard) tooLarge() error {
	return &core.Error{Code: core.CodeTooLarge, Op: "http_client_guard", Message: fmt.Sprintf("the response is longer than %d bytes", g.maxBytes)}
}

type guardedBody struct {
	io.ReadCloser
	guard *guard
	left  int64
}

func (b *guardedBody) Read(p []byte) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	n, err := b.ReadCloser.Read(p[:min(int64(len(p)), b.left+1)]) // one more tells too long from just long enough
	if int64(n) > b.left {
		n, b.left = int(b.left), 0
		return n, b.guard.tooLarge()
	}
	b.left -= int64(n)
	return n, err
}

// control is called with the address that a connection is about to be made to.
func (g *guard) control(_ context.Context, network, address string, _ syscall.RawConn) error {
	refuse := func(why string) error {
		return &core.Error{Code: core.CodeForbidden, Op: "http_client_guard dial address=" + address, Message: why}
	}
	if network != "tcp4" && network != "tcp6" {
		return refuse("it is no TCP address")
	}
	at, err := netip.ParseAddrPort(address)
	if err != nil {
		return refuse("it is no address")
	}
	ip := at.Addr().Unmap().WithZone("")
	if slices.ContainsFunc(g.allow, func(p netip.Prefix) bool { return p.Contains(ip) }) {
		return nil
	}
	if !isPublic(ip) {
		return refuse("the address is not public")
	}
	if isOwn(ip) {
		return refuse("the address is this machine's")
	}
	return nil
}

// isPublic goes by IANA's registries of special-purpose addresses. Of IPv6 only
// 2000::/3 is given out at all.
func isPublic(ip netip.Addr) bool {
	if !ip.IsGlobalUnicast() || ip.IsPrivate() || ip.Is6() && !globalIPv6.Contains(ip) {
		return false
	}
	return !slices.ContainsFunc(reserved, func(p netip.Prefix) bool { return p.Contains(ip) })
}

var (
	globalIPv6 = netip.MustParsePrefix("2000::/3")
	reserved   = []netip.Prefix{
		netip.MustParsePrefix("0.0.0.0/8"),         // this network
		netip.MustParsePrefix("100.64.0.0/10"),     // shared by customers of a provider
		netip.MustParsePrefix("192.0.0.0/24"),      // protocol assignments
		netip.MustParsePrefix("192.0.2.0/24"),      // documentation
		netip.MustParsePrefix("192.31.196.0/24"),   // AS112
		netip.MustParsePrefix("192.52.193.0/24"),   // AMT
		netip.MustParsePrefix("192.88.99.0/24"),    // 6to4 relays
		netip.MustParsePrefix("192.175.48.0/24"),   // AS112
		netip.MustParsePrefix("198.18.0.0/15"),     // benchmarks
		netip.MustParsePrefix("198.51.100.0/24"),   // documentation
		netip.MustParsePrefix("203.0.113.0/24"),    // documentation
		netip.MustParsePrefix("240.0.0.0/4"),       // reserved, and broadcast
		netip.MustParsePrefix("2001::/23"),         // protocol assignments, Teredo among them
		netip.MustParsePrefix("2001:db8::/32"),     // documentation
		netip.MustParsePrefix("2002::/16"),         // 6to4: an IPv4 address in IPv6
		netip.MustParsePrefix("2620:4f:8000::/48"), // AS112
		netip.MustParsePrefix("3fff::/20"),         // documentation
	}
)

// isOwn reports whether an address is one of this machine's: what listens on
// all interfaces is reached by a public one, too.
func isOwn(ip netip.Addr) bool {
	addrs, err := net.InterfaceAddrs()
	if err != nil {
		return false // then only what is not public is refused
	}
	return slices.ContainsFunc(addrs, func(a net.Addr) bool {
		own, ok := a.(*net.IPNet)
		return ok && own.IP.Equal(ip.AsSlice())
	})
}
