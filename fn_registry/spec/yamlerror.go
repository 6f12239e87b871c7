package spec

import (
	"bytes"
	"regexp"
	"strconv"
	"strings"
)

// yamlLine matches the line number in the YAML parser's messages.
var yamlLine = regexp.MustCompile(`^(?:yaml: )?(?:line (\d+): )?`)

// yamlHints are hints for messages of the YAML parser that contain these words.
var yamlHints = []struct{ words, hint string }{
	{"mapping values are not allowed", "put a value that has ': ' in it in double quotes"},
	{
		"cannot start any token",
		"indent with spaces and not with tabs, and quote a value that starts with %, @ or a backtick",
	},
	{"could not find expected ':'", "write key: value, and indent the further lines of a value"},
	{"did not find expected '-'", "indent all items of the list alike"},
	{"end of stream", "close the quote or bracket that opens here"},
	{"escape", "in double quotes write a backslash as \\\\"},
}

// yamlProblem records an error of the YAML parser, once, at the line that
// causes it.
func (d *parser) yamlProblem(err error) {
	msg := err.Error()
	m := yamlLine.FindStringSubmatchIndex(msg)
	reported := 1
	if m[2] >= 0 {
		reported, _ = strconv.Atoi(msg[m[2]:m[3]])
	}
	msg = msg[m[1]:]
	hint := "check the indentation, quotes and brackets of the line"
	for _, h := range yamlHints {
		if strings.Contains(msg, h.words) {
			hint = h.hint
			break
		}
	}
	off := d.starts[d.guiltyLine(min(max(reported-1, 0), len(d.starts)-1))]
	line := d.src[off:min(lineEnd(d.src, off), d.front.end)]
	indent := len(line) - len(bytes.TrimLeft(line, " "))
	if indent == len(line) || line[indent] == '\n' || line[indent] == '\r' {
		indent = 0
	}
	d.refuse(RuleYAML, off+indent, "invalid YAML: "+msg, hint)
}

// guiltyLine returns the line, counted from 0 at the opening fence, that breaks
// the frontmatter: without it and everything after it the rest can be read. The
// parser itself often reports the start of the whole mapping, or the next line.
// It uses bisection; since a bracket that opens on one line and closes on
// another looks guilty by itself, the search continues after a line that later
// lines complete. Large frontmatter is not worth the time: the reported line is
// used.
func (d *parser) guiltyLine(reported int) int {
	const mostBytes, mostRounds, mostLookahead = 16 << 10, 8, 40
	if d.front.end-d.fenceStart > mostBytes {
		return reported
	}
	reads := func(lines int) bool {
		_, err := libraryYAML(d.src[d.fenceStart:d.starts[lines]])
		return err == nil
	}
	all := len(d.starts) - 1 // the number of lines; with all of them it can't be read
	good := 1                // with only the fence it can
	for range mostRounds {
		bad := all
		for bad-good > 1 {
			if mid := (good + bad) / 2; reads(mid) {
				good = mid
			} else {
				bad = mid
			}
		}
		healed := false
		for lines := bad + 1; lines < min(bad+mostLookahead, all); lines++ {
			if reads(lines) {
				good, healed = lines, true
				break
			}
		}
		if !healed {
			return bad - 1
		}
	}
	return reported
}
