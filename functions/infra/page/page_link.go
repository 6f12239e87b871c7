package page

// PageLink is a text that leads somewhere.
type PageLink struct {
	Text string `json:"text"`
	URL  string `json:"url"`
	Hint string `json:"hint,omitempty"` // more about it: a tooltip, or a second line
	// Current marks the link as where the reader is, or as what is chosen.
	Current bool `json:"-"`
}
