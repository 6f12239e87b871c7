package http

import "context"

type bearerKey struct{}

// HTTPBearerName returns the name of the token that [HTTPBearerAuth] let a
// request in with, be it in the request or known by the cookie of [HTTPLogin].
// The tokens without a name of their own have "". known is false for a request
// without a token: of this machine, or of what needs none.
//
// More in http_bearer_name.md:
//   - A request from this machine that bears a token is known by it, too.
func HTTPBearerName(ctx context.Context) (name string, known bool) {
	name, known = ctx.Value(bearerKey{}).(string)
	return name, known
}
