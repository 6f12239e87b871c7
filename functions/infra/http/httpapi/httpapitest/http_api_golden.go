package httpapitest

import (
	"bytes"
	"os"
	"strconv"
	"strings"
	"testing"
)

// HTTPAPIGolden holds an API's document against a file, so that what the API
// takes and answers changes only on purpose: a change shows in the diff of a
// commit. With update it writes the file.
//
// More in http_api_golden.md:
//   - Make the document with a fixed version, or each release is a difference.
func HTTPAPIGolden(t *testing.T, document []byte, file string, update bool) {
	t.Helper()
	if update {
		if err := os.WriteFile(file, document, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if difference := firstDifference(document, want); difference != "" {
		t.Errorf("%s: %s; if that is meant, run the test with -update", file, difference)
	}
}

// firstDifference shows the first line that differs; "": none does.
func firstDifference(got, want []byte) string {
	if bytes.Equal(got, want) {
		return ""
	}
	gotLines, wantLines := strings.Split(string(got), "\n"), strings.Split(string(want), "\n")
	for i := range max(len(gotLines), len(wantLines)) {
		g, w := lineOf(gotLines, i), lineOf(wantLines, i)
		if g != w {
			return "line " + strconv.Itoa(i+1) + " is " + g + ", was " + w
		}
	}
	return "" // they differ, so a line does
}

func lineOf(lines []string, i int) string {
	if i >= len(lines) {
		return "(the end)"
	}
	return strconv.Quote(lines[i])
}
