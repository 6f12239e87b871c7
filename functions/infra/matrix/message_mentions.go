package matrix

import (
	"cmp"
	"html"
	"slices"
	"strings"

	"maunium.net/go/mautrix/event"
	"maunium.net/go/mautrix/id"

	"fnregistry.dev/functions/core"
	"fnregistry.dev/functions/infra/matrix/internal/ident"
)

// messageMentions says who is notified. It is never nil: an event without
// m.mentions makes servers and clients look for names in its text (spec 11.39,
// the legacy rules), so a reply that quotes a name would ping.
func messageMentions(message MatrixMessage) (*event.Mentions, error) {
	mentions := &event.Mentions{Room: message.Room}
	for _, user := range message.Mentions {
		if !ident.IsUser(user) {
			return nil, &core.Error{
				Code:    core.CodeInvalid,
				Message: "bad user ID in Mentions: " + ident.Clip(string(user), 80),
				Hint:    "a user ID is @name:server",
			}
		}
		mentions.Add(user)
	}
	return mentions, nil
}

// textPill is a user ID within a text.
type textPill struct {
	start, end int
	user       id.UserID
}

// findPills finds the users' IDs in the text. One that goes on
// ("@a:example.org" in "@a:example.organic") is no match.
func findPills(text string, users []id.UserID) []textPill {
	if len(users) == 0 || !strings.Contains(text, "@") {
		return nil
	}
	longest := slices.SortedFunc(slices.Values(users), func(a, b id.UserID) int { return cmp.Compare(len(b), len(a)) })
	var pills []textPill
	for at := 0; at < len(text); {
		next := strings.IndexByte(text[at:], '@')
		if next < 0 {
			break
		}
		at += next
		match := slices.IndexFunc(longest, func(user id.UserID) bool {
			return strings.HasPrefix(text[at:], string(user)) && !goesOn(text[at+len(user):]) && !wordBefore(text, at)
		})
		if match < 0 {
			at++
			continue
		}
		end := at + len(longest[match])
		pills = append(pills, textPill{start: at, end: end, user: longest[match]})
		at = end
	}
	return pills
}

// goesOn reports whether a server name could be continued by this text. A full
// stop or a colon at a sentence's end is none.
func goesOn(rest string) bool {
	if rest == "" {
		return false
	}
	if (rest[0] == '.' || rest[0] == ':') && len(rest) > 1 {
		return isNameByte(rest[1])
	}
	return isNameByte(rest[0])
}

func wordBefore(text string, at int) bool { return at > 0 && isNameByte(text[at-1]) }

func isNameByte(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '-' || c == '_' || c >= 0x80
}

// pillURL is where a pill leads: clients know a user by it.
func pillURL(user id.UserID) string { return user.URI().MatrixToURL() }

// pillsHTML is plain text as HTML with pills, or empty where the text has none.
func pillsHTML(text string, users []id.UserID) string {
	pills := findPills(text, users)
	if len(pills) == 0 {
		return ""
	}
	var out strings.Builder
	at := 0
	plain := func(s string) { out.WriteString(strings.ReplaceAll(html.EscapeString(s), "\n", "<br>")) }
	for _, pill := range pills {
		plain(text[at:pill.start])
		out.WriteString(
			`<a href="` + html.EscapeString(pillURL(pill.user)) + `">` + html.EscapeString(string(pill.user)) + `</a>`,
		)
		at = pill.end
	}
	plain(text[at:])
	return out.String()
}
