package spec

import (
	"slices"
	"strings"
)

// stubWords are what fn new writes into the spec of a stub, at the start of a
// value or of a line of the body.
var stubWords = []string{
	"Not written yet:", "Nothing yet:", "Nothing yet but ", "Not yet:", "- It is not written yet:", "- Nothing uses it yet, and its fields will change.",
}

// validateFinished reports the scaffold's words left in the spec of a unit that
// is not tagged as a stub: readers would mistake it for one.
func (d *Document) validateFinished() {
	if slices.Contains(d.Spec.Tags, TagStub) {
		return
	}
	const hint = "write what the unit does, or tag it stub"
	for _, v := range []struct{ key, text string }{{"description", d.Spec.Description}, {"output", d.Spec.Output}} {
		if words := stubWord(v.text); words != "" {
			d.problemAt(RuleUnfinished, d.ValuePos(v.key), v.key, v.key+" begins with \""+words+"\", as fn new wrote it", hint)
		}
	}
	for _, s := range d.Body.Sections {
		line := s.Pos.Line
		if s.Level > 0 {
			line++ // the text begins below the heading
		}
		for text := range strings.Lines(s.Text) {
			if words := stubWord(text); words != "" {
				d.problemAt(RuleUnfinished, Pos{Line: line, Column: 1}, "", "the line begins with \""+words+"\", as fn new wrote it", hint)
			}
			line++
		}
	}
}

func stubWord(text string) string {
	for _, words := range stubWords {
		if strings.HasPrefix(text, words) {
			return strings.TrimSpace(words)
		}
	}
	return ""
}
