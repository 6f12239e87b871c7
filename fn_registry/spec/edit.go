package spec

// Edit replaces src[Start:End] by New. Offsets count bytes.
type Edit struct {
	Start int    `json:"start"`
	End   int    `json:"end"`
	New   string `json:"new"`
}

// Apply is src with the edits made, in a new slice. The edits must be in order
// and not overlap, as all functions of this package return them.
func Apply(src []byte, edits []Edit) []byte {
	out := make([]byte, 0, len(src))
	at := 0
	for _, e := range edits {
		out = append(out, src[at:e.Start]...)
		out = append(out, e.New...)
		at = e.End
	}
	return append(out, src[at:]...)
}
