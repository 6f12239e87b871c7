// Package redirect has the rule by which redirects of a homeserver are
// followed.
package redirect

import "net/http"

// most is how many redirects are followed, one after the other.
const most = 5

// Check is the CheckRedirect of a client of a homeserver. Only a request that
// reads is sent on, and only to the same scheme and host: another host must get
// nothing that was meant for the homeserver, and its response must not count as
// the homeserver's. Of any other redirect the caller gets the response itself,
// which is an error for a client of Matrix (status 3xx).
func Check(next *http.Request, via []*http.Request) error {
	first := via[0]
	reads := first.Method == http.MethodGet || first.Method == http.MethodHead
	if !reads || next.URL.Scheme != first.URL.Scheme || next.URL.Host != first.URL.Host || len(via) > most {
		return http.ErrUseLastResponse
	}
	return nil
}

// Strict returns a copy of a client that follows redirects by [Check]; nil is a
// client without anything set.
func Strict(client *http.Client) *http.Client {
	strict := &http.Client{}
	if client != nil {
		*strict = *client
	}
	strict.CheckRedirect = Check
	return strict
}
