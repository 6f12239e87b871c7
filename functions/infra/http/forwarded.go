package http

import (
	"net/http"
	"slices"
	"strings"
)

// forwarded reports whether a proxy on this machine has forwarded a request for
// somebody else. HTTP/1.0 is what nginx spoke by default up to 1.29, without a
// header of its own; programs of today speak HTTP/1.1.
func forwarded(r *http.Request) bool {
	if !r.ProtoAtLeast(1, 1) {
		return true
	}
	for name := range r.Header {
		if slices.Contains(forwardedBy, name) {
			return true
		}
		for _, prefix := range forwardedWith {
			if strings.HasPrefix(name, prefix) {
				return true
			}
		}
	}
	return false
}

// Headers that proxies, load balancers and tunnels set, in the form of
// http.CanonicalHeaderKey.
var (
	forwardedBy = []string{
		"Forwarded", "Via", "X-Real-Ip", "True-Client-Ip", "X-Client-Ip", "X-Cluster-Client-Ip", "Client-Ip", "Fastly-Client-Ip",
		"X-Appengine-User-Ip", "X-Remote-Ip", "X-Remote-Addr", "X-Scheme", "Front-End-Https", "Cdn-Loop", "X-Varnish", "X-Amzn-Trace-Id",
		"X-Cloud-Trace-Context", "X-Originating-Ip", "X-Nginx-Proxy",
	}
	forwardedWith = []string{
		"X-Forwarded", "X-Original-", "X-Envoy-", "X-Azure-", "X-Proxy", "Cf-", "Fly-", "Tailscale-", "Ngrok-", "Wl-Proxy-",
	}
)
