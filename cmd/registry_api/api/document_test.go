package api

import (
	"bytes"
	"flag"
	"net/http"
	"os"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write testdata/openapi.json anew")

const golden = "testdata/openapi.json"

// TestDocument: what the API takes and answers changes only on purpose.
func TestDocument(t *testing.T) {
	t.Parallel()
	a := New(Config{Metrics: http.NotFoundHandler(), Version: "test"})
	if *update {
		if err := os.WriteFile(golden, a.Document(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	got := a.Document()
	if bytes.Equal(got, want) {
		return
	}
	gotLines, wantLines := strings.Split(string(got), "\n"), strings.Split(string(want), "\n")
	for i, line := range gotLines {
		if i >= len(wantLines) || line != wantLines[i] {
			t.Fatalf("line %d: got %s, want %s; if that is meant: go test ./api -run TestDocument -update", i+1, line, append(wantLines, "")[min(i, len(wantLines))])
		}
	}
	t.Fatalf("%d lines, want %d", len(gotLines), len(wantLines))
}

// TestEndpoints: each has what the document needs, and its parameters say what they are.
func TestEndpoints(t *testing.T) {
	t.Parallel()
	names := map[string]bool{}
	for _, e := range New(Config{Metrics: http.NotFoundHandler()}).Endpoints() {
		if e.Name == "" || names[e.Name] || e.Summary == "" || e.Tag == "" || e.In == nil || len(e.Answers) == 0 || e.handler == nil {
			t.Errorf("%+v", e)
		}
		names[e.Name] = true
		for _, p := range params(e.In) {
			if p.doc == "" {
				t.Errorf("%s: parameter %s has no doc", e.Name, p.name)
			}
		}
	}
}
