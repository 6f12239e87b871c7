package matrix

import (
	"testing"

	"maunium.net/go/mautrix/id"
)

// MarkdownHTML returns the formatted_body of a Markdown message, for tests.
func MarkdownHTML(t *testing.T, text string, users ...id.UserID) string {
	t.Helper()
	content, err := messageContent(MatrixMessage{Text: text, Markdown: true, Mentions: users})
	if err != nil {
		t.Fatal(err)
	}
	return content.FormattedBody
}

// MessageHTML returns the formatted_body of any message, empty for one that is
// refused.
func MessageHTML(text string, markdown bool, users ...id.UserID) string {
	content, err := messageContent(MatrixMessage{Text: text, Markdown: markdown, Mentions: users})
	if err != nil {
		return ""
	}
	return content.FormattedBody
}
