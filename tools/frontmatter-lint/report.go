package main

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"

	"fnregistry.dev/fn_registry/check"
)

// report is what a run found; as JSON it is the output of -format json.
type report struct {
	Units    int             `json:"units"`
	Findings []check.Finding `json:"findings"`
}

func (r report) write(w io.Writer, format, root string) error {
	switch format {
	case "json":
		return writeJSON(w, r)
	case "sarif":
		return writeJSON(w, sarifOf(r, root))
	case "github":
		return r.writeGitHub(w)
	}
	place := relative(root)
	for _, f := range r.Findings {
		if _, err := fmt.Fprintf(w, "%s:%d:%d: %s: %s [%s]\n", place(f.File), f.Line, f.Column, f.Severity, f.Message, f.Rule); err != nil {
			return err
		}
	}
	return nil
}

// summary closes the text for a person.
func (r report) summary(w io.Writer, o *options) {
	if len(r.Findings) == 0 {
		fmt.Fprintf(w, "frontmatter-lint: %s, no findings\n", count(r.Units, "unit"))
		if r.Units == 0 {
			fmt.Fprintf(
				w,
				"hint: there are no specs below %s, so nothing was checked; fn init sets a repository up\n",
				o.root,
			)
		}
		return
	}
	fixable := 0
	for _, f := range r.Findings {
		if f.Fix != nil {
			fixable++
		}
	}
	fmt.Fprintf(w, "frontmatter-lint: %s, %s", count(r.Units, "unit"), count(len(r.Findings), "finding"))
	if fixable > 0 && !o.Fix {
		fmt.Fprintf(w, ", %d of them fixable by -fix", fixable)
	}
	fmt.Fprintf(w, "\nhint: frontmatter-lint -explain %s says what to do\n", r.Findings[0].Rule)
}

func writeJSON(w io.Writer, v any) error {
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	return enc.Encode(v)
}

// writeGitHub writes workflow commands, which GitHub shows next to the lines of
// a pull request.
func (r report) writeGitHub(w io.Writer) error {
	data := strings.NewReplacer("%", "%25", "\r", "%0D", "\n", "%0A")
	property := strings.NewReplacer("%", "%25", "\r", "%0D", "\n", "%0A", ":", "%3A", ",", "%2C")
	for _, f := range r.Findings {
		_, err := fmt.Fprintf(w, "::%s file=%s,line=%d,col=%d,title=%s::%s\n",
			f.Severity, property.Replace(f.File), f.Line, f.Column, property.Replace(f.Rule), data.Replace(f.Message))
		if err != nil {
			return err
		}
	}
	return nil
}
