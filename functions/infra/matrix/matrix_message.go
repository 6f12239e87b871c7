package matrix

import (
	"maunium.net/go/mautrix/id"
)

// MatrixMessage is a message as a person would write it. [MatrixSendMessage]
// and [MatrixEditMessage] make an event of it.
//
// More in matrix_message.md:
//   - Nobody is notified who isn't in Mentions, whatever the text says:
//     m.mentions is always sent, and so no client and no server guesses names.
//   - A pill is made where the text has the user ID of somebody in Mentions,
//     whole and outside of code and links.
type MatrixMessage struct {
	Text     string      // required; what is no UTF-8 becomes U+FFFD
	Markdown bool        // Text is Markdown (CommonMark, tables, ~~strikethrough~~), and a line break in it is one; default: plain text
	Kind     string      // text, notice (what a bot says: others' bots don't answer it) or emote (/me); default text
	Mentions []id.UserID // who is notified; where Text has their user ID, it becomes a pill; default: no one
	Room     bool        // notify everyone in the room, which takes the power to do so
}
