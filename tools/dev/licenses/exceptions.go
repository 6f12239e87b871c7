package main

import (
	"fmt"
	"strings"
)

// noFile stands for the file in an exception for a module without one.
const noFile = "-"

// exception allows one text of one module.
type exception struct {
	module string
	file   string // below the module's root, or noFile
	mark   string // see verdict
}

// parseExceptions reads lines of a module, a file, a mark and a reason. Lines
// that are empty or begin with # are comments.
func parseExceptions(text string) ([]exception, error) {
	var all []exception
	number := 0
	for line := range strings.Lines(text) {
		number++
		line = strings.TrimSpace(line)
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		fields := strings.Fields(line)
		if len(fields) < 5 || fields[3] == "REASON" { // a reason has at least two words
			return nil, fmt.Errorf("%s:%d: want MODULE FILE MARK and the reason, got %q", exceptionsFile, number, line)
		}
		all = append(all, exception{fields[0], fields[1], fields[2]})
	}
	return all, nil
}

// excepted returns the exception for this file, if there is one.
func excepted(m *module, file, mark string, all []exception) (exception, bool) {
	for _, e := range all {
		if e == (exception{m.path, file, mark}) {
			return e, true
		}
	}
	return exception{}, false
}
