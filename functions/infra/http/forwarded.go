package http

import (
	"net/http"
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
		if forwardedBy[name] {
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
	forwardedBy = map[string]bool{
		"Forwarded": true, "Via": true, "X-Real-Ip": true, "True-Client-Ip": true, "X-Client-Ip": true, "X-Cluster-Client-Ip": true,
		"Client-Ip": true, "Fastly-Client-Ip": true, "X-Appengine-User-Ip": true, "X-Remote-Ip": true, "X-Remote-Addr": true,
		"X-Scheme": true, "Front-End-Https": true, "Cdn-Loop": true, "X-Varnish": true, "X-Amzn-Trace-Id": true, "X-Cloud-Trace-Context": true,
		"X-Originating-Ip": true, "X-Nginx-Proxy": true,
	}
	forwardedWith = []string{"X-Forwarded", "X-Original-", "X-Envoy-", "X-Azure-", "X-Proxy", "Cf-", "Fly-", "Tailscale-", "Ngrok-", "Wl-Proxy-"}
)
