package page

// PageLink is a text that leads somewhere.
//
// More in page_link.md:
//   - A URL of another scheme than http, https and mailto is replaced by one
//     that leads nowhere when it is rendered.
//   - An empty URL renders only the text.
type PageLink struct {
	Text string `json:"text"`
	URL  string `json:"url"`
	Hint string `json:"hint,omitempty"` // more about it: a tooltip, or a second line
	// Current marks the link as where the reader is, or as what is chosen.
	Current bool `json:"-"`
}
