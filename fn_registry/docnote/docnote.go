// Package docnote writes the note at the end of a declaration's doc comment
// that points to the unit's spec: the spec's file, and its first gotchas.
//
//	// More in file_watch.md:
//	//   - A path in a batch says "look here": the file may be gone, and may be the
//	//     same as before.
//
// The note extends from its first line to the end of its list. It is generated;
// hand-written text goes before it.
package docnote

import (
	"bytes"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"

	"fnregistry.dev/fn_registry/spec"
)

const (
	gotchas = 2  // number in a note
	width   = 80 // line width in characters
)

// Lines returns the note for a spec: comment lines without their ends. file is
// the spec's name without its folder, section the text of its Gotchas; without
// any the note only names the spec.
func Lines(file, section string) []string {
	items := first(section, gotchas)
	if len(items) == 0 {
		return []string{"// More in " + file + "."}
	}
	lines := []string{"// More in " + file + ":"}
	for _, item := range items {
		lines = append(lines, wrap(item)...)
	}
	return lines
}

// first returns the first n items of a Markdown list, or its first paragraph if
// it is not a list: one sentence each, as plain text.
func first(section string, n int) []string {
	var items []string
	open := false // the last item continues
	for line := range strings.Lines(section) {
		text := strings.TrimSpace(line)
		item, bullet := strings.CutPrefix(text, "- ")
		if !bullet {
			item, bullet = strings.CutPrefix(text, "* ")
		}
		nested := bullet && strings.HasPrefix(line, " ")
		switch {
		case text == "" || strings.HasPrefix(text, "|") || strings.HasPrefix(text, "```") || nested:
			open = false
		case bullet || !open && len(items) == 0:
			if len(items) == n {
				return sentences(items)
			}
			items, open = append(items, item), true
		case open:
			items[len(items)-1] += " " + text
		}
	}
	return sentences(items)
}

func sentences(items []string) []string {
	for i, item := range items {
		items[i] = plain(sentence(item))
	}
	return items
}

// sentenceEnd matches where a sentence may end, unless an abbreviation precedes
// it.
var sentenceEnd = regexp.MustCompile("[.!?][)\"`]? +[\\p{Lu}\"`(]")

// sentence returns the first sentence of a text.
func sentence(text string) string {
	for _, at := range sentenceEnd.FindAllStringIndex(text, -1) {
		end := at[0] + 1
		for end < len(text) && text[end] != ' ' {
			end++
		}
		before := text[:end]
		abbreviated := strings.HasSuffix(before, "e.g.") || strings.HasSuffix(before, "i.e.") || strings.HasSuffix(before, "vs.")
		if !abbreviated && strings.Count(before, "`")%2 == 0 {
			return before
		}
	}
	return text
}

var markdownLink = regexp.MustCompile(`\[([^\]]*)\]\([^)]*\)`)

// plain removes Markdown that go doc does not render.
func plain(text string) string {
	text = markdownLink.ReplaceAllString(text, "$1")
	return strings.NewReplacer("**", "", "`", "").Replace(text)
}

// wrap formats an item as comment lines the way gofmt does.
func wrap(item string) []string {
	var lines []string
	line := "//   -"
	for i, word := range words(item) {
		if i > 0 && utf8.RuneCountInString(line)+1+utf8.RuneCountInString(word) > width {
			lines = append(lines, line)
			line = "//    "
		}
		line += " " + word
	}
	return append(lines, line)
}

var listMarker = regexp.MustCompile(`^([-*+•]|\d+[.)])$`)

// words splits a text where a line may break: not before text that gofmt would
// treat as a list item.
func words(text string) []string {
	var all []string
	for _, word := range strings.Fields(text) {
		if len(all) > 0 && listMarker.MatchString(word) {
			all[len(all)-1] += " " + word
		} else {
			all = append(all, word)
		}
	}
	return all
}

var begins = regexp.MustCompile(`^// More in \S+\.md[.:]$`)

// Edits returns the edits that make the note of the declaration whose name is
// in a line (from 1) of a Go file what want says; none where it says so
// already.
func Edits(src []byte, line int, want []string) []spec.Edit {
	lines := bytes.SplitAfter(src, []byte("\n"))
	decl := line - 1
	if decl < 0 || decl >= len(lines) {
		return nil
	}
	top := decl
	for top > 0 && bytes.HasPrefix(bytes.TrimLeft(lines[top-1], "\t "), []byte("//")) {
		top--
	}
	var before, doc, links, directives []string
	for _, l := range lines[top:decl] {
		text := strings.TrimRight(strings.TrimLeft(string(l), "\t "), "\r\n")
		before = append(before, text)
		switch {
		case isDirective(text):
			directives = append(directives, text)
		case linkTarget.MatchString(text):
			links = append(links, text)
		default:
			doc = append(doc, text)
		}
	}
	after := withNote(doc, want)
	for _, end := range [][]string{links, directives} { // gofmt separates them, in this order
		if len(end) > 0 {
			after = append(append(after, "//"), end...)
		}
	}
	if slices.Equal(after, before) {
		return nil
	}
	indent := string(lines[decl][:len(lines[decl])-len(bytes.TrimLeft(lines[decl], "\t "))])
	var text strings.Builder
	for _, l := range after {
		text.WriteString(indent + l + "\n")
	}
	start := len(bytes.Join(lines[:top], nil))
	return []spec.Edit{{Start: start, End: start + len(bytes.Join(lines[top:decl], nil)), New: text.String()}}
}

// withNote returns a doc comment's lines with the old note removed and the new
// one at the end.
func withNote(doc, note []string) []string {
	var kept []string
	inside := false
	for _, line := range doc {
		if begins.MatchString(line) {
			inside, kept = true, withoutBlank(kept)
			continue
		}
		inside = inside && strings.HasPrefix(line, "//   ")
		if !inside {
			kept = append(kept, line)
		}
	}
	if kept = withoutBlank(kept); len(kept) > 0 {
		kept = append(kept, "//")
	}
	return append(kept, note...)
}

// withoutBlank removes the empty lines at the end of a comment.
func withoutBlank(doc []string) []string {
	for len(doc) > 0 && doc[len(doc)-1] == "//" {
		doc = doc[:len(doc)-1]
	}
	return doc
}

// linkTarget matches a line that defines a link of the comment.
var linkTarget = regexp.MustCompile(`^// \[[^\]]+\]: \S+$`)

// isDirective reports whether a comment is for a tool: //go:embed, //nolint.
func isDirective(comment string) bool {
	return len(comment) > 2 && comment[2] != ' ' && comment[2] != '\t'
}
