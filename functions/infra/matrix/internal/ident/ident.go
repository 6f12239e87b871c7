// Package ident checks the names that Matrix gives to servers and users, and
// shortens names for messages.
package ident

import (
	"errors"
	"net/url"
	"strings"

	"maunium.net/go/mautrix/id"
)

// MaxBytes is the longest user, room or event ID that there may be.
const MaxBytes = 255

// ServerHost returns the host of a server name, without its port. ok is false
// for a text that is no server name.
func ServerHost(name string) (host string, ok bool) {
	parsed, err := url.Parse("https://" + name)
	if err != nil || parsed.Host != name || parsed.Hostname() == "" || parsed.User != nil {
		return "", false
	}
	if host := parsed.Hostname(); strings.Contains(host, ":") {
		return "[" + host + "]", true
	}
	return parsed.Hostname(), true
}

// CheckUser returns what is wrong with the ID of a user who is to act or to
// be invited.
func CheckUser(user id.UserID) error {
	name, server, err := user.Parse()
	if err != nil {
		return err
	}
	if name == "" || server == "" || len(user) > id.UserIDMaxLength {
		return errors.New("a part of the user ID is missing, or it is too long")
	}
	if _, ok := ServerHost(server); !ok {
		return errors.New("the server name in the user ID cannot be read")
	}
	return nil
}

// IsUser reports whether a text can be the ID of a user. It takes IDs that
// CheckUser refuses, since servers have users with such.
func IsUser(user id.UserID) bool {
	_, server, ok := strings.Cut(string(user), ":")
	return ok && server != "" && user[0] == '@' && len(user) <= MaxBytes && !strings.ContainsAny(string(user), "\x00 \t\r\n<>\"")
}

// Clip shortens a name to limit bytes, for a message to a person.
func Clip(text string, limit int) string {
	if len(text) <= limit {
		return text
	}
	return strings.ToValidUTF8(text[:limit], "") + "…"
}
