package matrix

import (
	"context"
	"errors"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	"maunium.net/go/mautrix"

	"fnregistry.dev/functions/core"
	"fnregistry.dev/functions/infra/matrix/internal/ident"
)

const discoveryTimeout = 30 * time.Second

// findHomeserver returns the base URL for what a person wrote: a URL as it is,
// a server name by discovery
// (https://spec.matrix.org/v1.16/client-server-api/#well-known-uris).
func findHomeserver(ctx context.Context, written string, transport http.RoundTripper) (*url.URL, error) {
	if strings.Contains(written, "://") {
		return checkHomeserverURL(written)
	}
	host, ok := ident.ServerHost(written)
	if !ok {
		return nil, invalidHomeserver("the server name cannot be read")
	}
	found, err := discover(ctx, host, transport)
	if err != nil {
		return nil, err
	}
	if found == nil { // 404: no discovery there, and the server name itself is the usual homeserver
		return &url.URL{Scheme: "https", Host: written}, nil
	}
	home, err := checkHomeserverURL(found.Homeserver.BaseURL)
	if err == nil && home.Scheme != "https" && !isLoopback(home.Hostname()) {
		err = errors.New("it is not https")
	}
	if err != nil {
		return nil, &core.Error{Code: core.CodeUnavailable, Op: "matrix_client_init host=" + host, Message: "/.well-known/matrix/client names no usable homeserver",
			Hint: "give the homeserver's URL instead of the server name", Err: err}
	}
	return home, nil
}

func discover(ctx context.Context, host string, transport http.RoundTripper) (*mautrix.ClientWellKnown, error) {
	if transport == nil {
		base := newClientBase()
		defer base.CloseIdleConnections()
		transport = base
	}
	client := &http.Client{Timeout: discoveryTimeout, Transport: transport, CheckRedirect: func(request *http.Request, via []*http.Request) error {
		if request.URL.Scheme != "https" || len(via) > 5 {
			return errors.New("a redirect that is not followed")
		}
		return nil
	}}
	found, err := mautrix.DiscoverClientAPIWithClient(ctx, client, host)
	if err == nil {
		return found, nil
	}
	coded := classify(err)
	if coded.Code == "" { // not JSON, or too much of it
		coded.Code = core.CodeUnavailable
	}
	coded.Op, coded.Err = "matrix_client_init discover host="+host, err
	if coded.Hint == "" {
		coded.Hint = "look at the server name, or give the homeserver's URL"
	}
	return nil, &coded
}

func invalidHomeserver(message string) error {
	return &core.Error{Code: core.CodeInvalid, Op: "matrix_client_init", Message: message,
		Hint: "give a URL like https://matrix.example.org or a server name like example.org"}
}

// checkHomeserverURL does not quote the URL: it may have a password in it.
func checkHomeserverURL(written string) (*url.URL, error) {
	home, err := mautrix.ParseAndNormalizeBaseURL(written)
	switch {
	case err != nil:
		return nil, invalidHomeserver("the homeserver's URL cannot be read")
	case home.Scheme != "https" && home.Scheme != "http":
		return nil, invalidHomeserver("the homeserver's URL is neither https nor http")
	case home.Hostname() == "":
		return nil, invalidHomeserver("the homeserver's URL has no host")
	case home.User != nil:
		return nil, invalidHomeserver("the homeserver's URL has a user or password in it")
	case home.RawQuery != "" || home.Fragment != "":
		return nil, invalidHomeserver("the homeserver's URL has a query or fragment")
	}
	home.Path, home.RawPath = strings.TrimRight(home.Path, "/"), strings.TrimRight(home.RawPath, "/")
	return home, nil
}

func isLoopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || (ip != nil && ip.IsLoopback())
}

// checkVersions says clearly where there is no homeserver, or one that is too
// old: Matrix 1.1 brought the paths with /v3/.
func checkVersions(ctx context.Context, client *mautrix.Client) error {
	op := "matrix_client_init homeserver=" + client.HomeserverURL.Redacted()
	versions, err := client.Versions(ctx)
	if err != nil {
		return noHomeserver(op, err)
	}
	if versions == nil || len(versions.Versions) == 0 {
		return noHomeserver(op, errNoVersions)
	}
	if !versions.ContainsGreaterOrEqual(mautrix.SpecV11) {
		return &core.Error{Code: core.CodeUnsupported, Op: op, Message: "the homeserver speaks Matrix up to " + versions.GetLatest().String() + ", and v1.1 is needed",
			Hint: "update the homeserver"}
	}
	return nil
}

var errNoVersions = errors.New("the response names no version of Matrix")

// noHomeserver distinguishes a response that no homeserver gives from a
// homeserver that does not respond now.
func noHomeserver(op string, err error) error {
	wrapped := MatrixError(op, err)
	if err != errNoVersions {
		answer, answered := errors.AsType[mautrix.HTTPError](err)
		if !answered || answer.Response == nil || answer.Response.StatusCode >= 500 || answer.Response.StatusCode == http.StatusTooManyRequests {
			return wrapped
		}
		if cause := answer.WrappedError; cause != nil && (networkFailed(cause) || core.ErrorCode(cause) != core.CodeInternal) {
			return wrapped // cut off in the middle
		}
	}
	return &core.Error{Code: core.CodeNotFound, Op: op, Message: "no Matrix homeserver is there", Err: errors.Unwrap(wrapped),
		Hint: "give the homeserver's own URL; where only the server name is known, its discovery must work"}
}
