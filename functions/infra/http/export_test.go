package http

import (
	"net"
	"net/http"
)

// ResolveBy lets a client of HTTPClientGuard resolve names by another resolver.
func ResolveBy(client *http.Client, resolver *net.Resolver) {
	client.Transport.(*guard).dialer.Resolver = resolver
}
