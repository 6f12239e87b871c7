//go:build cgo

package duckdb

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"regexp"
	"strings"
	"unicode/utf8"
)

// DuckDB's messages about a faulty line. They go on to print the line itself
// and a list of settings.
var (
	csvFault  = regexp.MustCompile(`(?s)CSV Error on Line: (\d+)\n(?:Original Line: .*?\n)?((?:Error when|Expected Number|Value with|Invalid unicode|Maximum line|[A-Z])[^\n]*)`)
	jsonFault = regexp.MustCompile(`JSON transform error in file ".*", in line (\d+): ([^\n]*)`)
	// The following have no line number, or a wrong one.
	vagueFault = regexp.MustCompile(`Error when sniffing file|Malformed JSON in file|json_read expected records|Invalid unicode`)
	faultFile  = regexp.MustCompile(`(?m)^  file = (.*)$|sniffing file "(.*)"\.|error in file "(.*)", in line|JSON in file "(.*)", at byte`)
)

// faultText returns a short text about a faulty line; "" if DuckDB's message is
// about something else.
func (s *source) faultText(text string) string {
	file := s.path
	if m := faultFile.FindStringSubmatch(text); m != nil {
		file = strings.Join(m[1:], "") // one of them is not empty
	}
	for _, fault := range []*regexp.Regexp{csvFault, jsonFault} {
		if m := fault.FindStringSubmatch(text); m != nil {
			return fmt.Sprintf("%s line %s: %s", file, m[1], shorten(m[2]))
		}
	}
	if !vagueFault.MatchString(text) {
		return ""
	}
	if line, what := s.findFault(file); line > 0 {
		return fmt.Sprintf("%s line %d: %s", file, line, what)
	}
	first, _, _ := strings.Cut(text, "\n")
	return shorten(first)
}

// shorten truncates a text that may quote a whole value.
func shorten(text string) string {
	const most = 300
	text = strings.TrimRight(text, ". ")
	if len(text) > most {
		text = strings.ToValidUTF8(text[:most], "") + "..."
	}
	return text
}

// findFault reads a file up to its first fault. line is 0 if it finds none, as
// in a .zst file.
func (s *source) findFault(path string) (line int, what string) {
	f, err := os.Open(path)
	if err != nil {
		return 0, ""
	}
	defer f.Close()
	var content io.Reader = bufio.NewReader(f)
	switch {
	case strings.HasSuffix(strings.ToLower(path), ".zst"):
		return 0, ""
	case strings.HasSuffix(strings.ToLower(path), ".gz"):
		if content, err = gzip.NewReader(content); err != nil {
			return 0, ""
		}
	}
	if s.format == "csv" {
		return s.findCSVFault(content)
	}
	return findNDJSONFault(content)
}

func (s *source) findCSVFault(content io.Reader) (line int, what string) {
	records := csv.NewReader(content)
	records.Comma, _ = utf8.DecodeRuneInString(s.delimiter)
	records.ReuseRecord = true
	for {
		record, err := records.Read()
		if fault, ok := errors.AsType[*csv.ParseError](err); ok {
			return fault.StartLine, fault.Err.Error() // the start of its record
		}
		if err != nil {
			return 0, ""
		}
		for i, field := range record {
			if !utf8.ValidString(field) {
				line, _ := records.FieldPos(i)
				return line, errNotUTF8.Error()
			}
		}
	}
}

func findNDJSONFault(content io.Reader) (line int, what string) {
	lines := bufio.NewReader(content)
	for n := 1; ; n++ {
		text, err := lines.ReadBytes('\n')
		text = bytes.TrimSpace(text)
		switch {
		case !utf8.Valid(text):
			return n, errNotUTF8.Error()
		case len(text) == 0:
		case !json.Valid(text):
			return n, "not valid JSON"
		case text[0] != '{':
			return n, "not a JSON object"
		}
		if err != nil {
			return 0, ""
		}
	}
}
