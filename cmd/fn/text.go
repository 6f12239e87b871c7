package main

import (
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"
	"unicode/utf8"

	"fnregistry.dev/fn_registry/check"
	"fnregistry.dev/fn_registry/registry"
)

// writeJSON prints one value, indented, since people read it too.
func (e *env) writeJSON(v any) error {
	enc := json.NewEncoder(e.out)
	enc.SetIndent("", "  ")
	enc.SetEscapeHTML(false)
	return enc.Encode(v)
}

// answer prints v as JSON if requested, otherwise as text.
func (e *env) answer(v any, text func(w io.Writer)) error {
	if e.json {
		return e.writeJSON(v)
	}
	var b strings.Builder
	text(&b)
	_, err := io.WriteString(e.out, b.String())
	return err
}

// writeItem prints a unit in a list: what to call, what it does, where it is,
// and further facts.
func writeItem(w io.Writer, it registry.Item, more ...string) {
	facts := []string{it.Kind}
	if it.Purity != "" {
		facts = append(facts, it.Purity)
	}
	if it.Users > 0 {
		facts = append(facts, plural(it.Users, "user"))
	}
	fmt.Fprintf(w, "%s  (%s)\n", it.ID, strings.Join(append(facts, more...), ", "))
	for _, line := range []string{it.Signature, firstSentence(it.Description), it.FilePath} {
		if line != "" {
			fmt.Fprintln(w, "    "+line)
		}
	}
	if why := notExact(it.Why); len(why) > 0 {
		fmt.Fprintln(w, "    found by "+strings.Join(why, "; "))
	}
}

// notExact lists the reasons that are not obvious: words that the unit has in
// another form.
func notExact(why []string) []string {
	return slices.DeleteFunc(slices.Clone(why), func(line string) bool { return !strings.Contains(line, " as ") })
}

// firstSentence ends at the first full stop before a capital.
func firstSentence(text string) string {
	for i := 0; i+2 < len(text); i++ {
		if text[i] == '.' && text[i+1] == ' ' && text[i+2] >= 'A' && text[i+2] <= 'Z' {
			return text[:i+1]
		}
	}
	return text
}

// writeTree prints what a unit reaches, each unit below the one through which
// it is reached.
func writeTree(w io.Writer, r *registry.Reach) {
	below := map[string][]registry.Reached{}
	for _, it := range r.Items {
		below[it.Via] = append(below[it.Via], it)
	}
	var write func(id string)
	write = func(id string) {
		for _, it := range below[id] {
			fmt.Fprintf(w, "%s%s", strings.Repeat("  ", it.Depth), it.ID)
			if it.Kind != "function" {
				fmt.Fprintf(w, "  (%s)", it.Kind)
			}
			fmt.Fprintln(w)
			write(it.ID)
		}
	}
	write(r.ID)
}

// findingLine formats a finding as the linter does, without its severity.
func findingLine(f check.Finding) string {
	return fmt.Sprintf("%s:%d:%d: %s: %s", f.File, f.Line, f.Column, f.Rule, f.Message)
}

// plural counts: "1 unit", "2 units".
func plural(n int, word string) string {
	if n != 1 {
		word += "s"
	}
	return fmt.Sprintf("%d %s", n, word)
}

// columns prints pairs, with the second ones aligned.
func columns(w io.Writer, pairs [][2]string) {
	const widest = 24
	width := 0
	for _, p := range pairs {
		if n := utf8.RuneCountInString(p[0]); n <= widest && p[1] != "" {
			width = max(width, n)
		}
	}
	for _, p := range pairs {
		if p[1] != "" {
			fmt.Fprintf(w, "  %-*s  %s\n", width, p[0], p[1])
		}
	}
}
