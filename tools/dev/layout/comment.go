package main

import (
	"regexp"
	"slices"
	"strings"
)

var (
	// itemStart matches the first line of a list item. Without a space after
	// the slashes a line is a directive, with a tab it is code.
	itemStart = regexp.MustCompile(`^// *(?:[-*•]|\d+[.)]) +`)
	// kept matches lines that are never rewrapped: directives, code, headings,
	// link targets, empty lines.
	kept = regexp.MustCompile(`^//(?:\S|\t|  |# | \[[^\]]+\]: |\s*$)`)
	// expected starts the output of an Example, which ends with its comment.
	expected = regexp.MustCompile(`(?i)^// *(?:unordered )?output:`)
)

// rewrap fills the paragraphs and list items that have a line beyond
// commentWidth, in the comment of the lines from first up to but not including
// last. A paragraph that can't be made narrower, such as a long URL, stays.
func rewrap(lines []string, first, last int) []edit {
	var edits []edit
	for i := first; i < last; {
		text := strings.TrimSpace(lines[i])
		if expected.MatchString(text) {
			break
		}
		indent := lines[i][:len(lines[i])-len(strings.TrimLeft(lines[i], " \t"))]
		item := itemStart.FindString(text)
		if item == "" && kept.MatchString(text) {
			i++
			continue
		}
		head, rest := "// ", "// "
		if item != "" {
			head, rest = item, "//"+strings.Repeat(" ", len([]rune(item))-2)
		}
		end := i + 1
		for end < last && continues(strings.TrimSpace(lines[end]), item != "", rest) {
			end++
		}
		if filled := fill(lines[i:end], indent, head, rest); filled != nil {
			edits = append(edits, edit{i, end, filled})
		}
		i = end
	}
	return edits
}

// continues reports whether a line continues a paragraph, or the list item
// whose text is indented by rest.
func continues(text string, item bool, rest string) bool {
	if itemStart.MatchString(text) || expected.MatchString(text) {
		return false
	}
	if item {
		after, ok := strings.CutPrefix(text, rest)
		return ok && after != "" && !strings.HasPrefix(after, " ")
	}
	return !kept.MatchString(text)
}

// fill returns the paragraph with lines as long as commentWidth allows, or nil
// if that changes nothing or no line is too wide.
func fill(lines []string, indent, head, rest string) []string {
	if !slices.ContainsFunc(lines, func(l string) bool { return columns(l) > commentWidth }) {
		return nil
	}
	var words []string
	for i, l := range lines {
		l = strings.TrimSpace(l)
		if i == 0 {
			l = strings.TrimPrefix(l, strings.TrimRight(head, " "))
		} else {
			l = strings.TrimPrefix(l, "//")
		}
		words = append(words, strings.Fields(l)...)
	}
	var out []string
	line := indent + head + words[0]
	for _, w := range words[1:] {
		if columns(line)+1+columns(w) <= commentWidth {
			line += " " + w
			continue
		}
		out = append(out, line)
		line = indent + rest + w
	}
	out = append(out, line)
	if slices.Equal(out, lines) {
		return nil
	}
	return out
}
