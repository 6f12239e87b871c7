package http

import (
	"net/http"
	"net/netip"
	"slices"
	"strings"
)

// HTTPClientAddr returns the address that a request comes from, and the zero
// Addr where that is not known (a Unix socket). X-Forwarded-For counts only
// where the connection comes from one of the proxies: it is read from its end,
// over addresses that are proxies too, to the first one that is none. What a
// client wrote there before is not believed.
//
// Where an entry is no address, the proxy that passed it on is returned.
// Addresses have no zone, and those of IPv4 in IPv6 are of IPv4.
//
// More in http_client_addr.md:
//   - A proxy must append to X-Forwarded-For, or replace it.
//   - The header Forwarded (RFC 7239) is not read.
func HTTPClientAddr(r *http.Request, proxies []netip.Prefix) netip.Addr {
	client, err := parseAddr(r.RemoteAddr)
	if err != nil {
		return netip.Addr{}
	}
	isProxy := func(a netip.Addr) bool {
		return slices.ContainsFunc(proxies, func(p netip.Prefix) bool { return p.Contains(a) })
	}
	hops := strings.Join(r.Header.Values("X-Forwarded-For"), ",")
	for hops != "" && isProxy(client) {
		at := strings.LastIndexByte(hops, ',')
		next, err := parseAddr(strings.TrimSpace(hops[at+1:]))
		if err != nil {
			break
		}
		client, hops = next, hops[:max(at, 0)]
	}
	return client
}

// parseAddr reads an address with or without a port.
func parseAddr(text string) (netip.Addr, error) {
	if both, err := netip.ParseAddrPort(text); err == nil {
		return both.Addr().Unmap().WithZone(""), nil
	}
	addr, err := netip.ParseAddr(strings.TrimSuffix(strings.TrimPrefix(text, "["), "]"))
	return addr.Unmap().WithZone(""), err
}

// clientKey is what requests of one client have in common: its address, of IPv6
// the 64 bits that a provider gives to one customer.
func clientKey(r *http.Request, proxies []netip.Prefix) string {
	addr := HTTPClientAddr(r, proxies)
	if addr.Is6() {
		network, _ := addr.Prefix(64) // error impossible: 64 bits are in range
		return network.String()
	}
	return addr.String()
}
