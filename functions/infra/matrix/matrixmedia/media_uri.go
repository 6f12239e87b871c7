package matrixmedia

import (
	"errors"
	"strings"

	"maunium.net/go/mautrix/id"
)

var errMXC = errors.New("not an mxc:// URI of a server name and a media ID")

// parseMXC reads mxc://server/media. It takes only the characters that
// https://spec.matrix.org/v1.16/client-server-api/ allows in both: what others
// send there becomes part of a request's path.
func parseMXC(uri string) (id.ContentURI, error) {
	rest, ok := strings.CutPrefix(uri, "mxc://")
	server, media, found := strings.Cut(rest, "/")
	if !ok || !found || server == "" || media == "" || len(uri) > 1024 ||
		strings.Trim(
			server,
			".",
		) == "" || strings.ContainsFunc(server, notServer) || strings.ContainsFunc(media, notMedia) {
		return id.ContentURI{}, errMXC
	}
	return id.ContentURI{Homeserver: server, FileID: media}, nil
}

func notMedia(r rune) bool {
	return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && r != '_' && r != '-'
}

// notServer allows names, IPv4 and [IPv6] addresses, and a port.
func notServer(r rune) bool { return notMedia(r) && !strings.ContainsRune(".:[]", r) || r == '_' }
