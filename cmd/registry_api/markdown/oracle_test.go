package markdown

import (
	"bytes"
	"encoding/json"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/yuin/goldmark"
	"github.com/yuin/goldmark/extension"
)

// oracle is the library that this package is compared with. It would add 0.5
// MB.
var oracle = goldmark.New(goldmark.WithExtensions(extension.Table, extension.Strikethrough, extension.Linkify))

const omitted = "<!-- raw HTML omitted -->"

func byOracle(t *testing.T, text string) string {
	t.Helper()
	var out bytes.Buffer
	if err := oracle.Convert([]byte(text), &out); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

// The library's module includes the examples of the CommonMark specification.
// This package differs in these, and nowhere else, apart from tags.
var differs = map[string][]int{
	"a named entity is left to the browser":           {25, 28, 30, 32, 33, 34, 503},
	"two letters in lower case that are one in upper": {540},
	"a link to an unknown scheme leads nowhere":       {596, 598, 599, 601},
	"a bare mail address is no link":                  {612},
	"here as specified, there with spaces":            {226, 635},
}

func TestHTML_CommonMark(t *testing.T) {
	t.Parallel()
	dir, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}}", "github.com/yuin/goldmark").Output()
	if err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(filepath.Join(strings.TrimSpace(string(dir)), "_test", "spec.json"))
	if err != nil {
		t.Fatal(err)
	}
	var examples []struct {
		Markdown string
		Section  string
		Example  int
	}
	if err := json.Unmarshal(data, &examples); err != nil {
		t.Fatal(err)
	}
	var known []int
	for _, numbers := range differs {
		known = append(known, numbers...)
	}
	same, tags := 0, 0
	for _, e := range examples {
		want := byOracle(t, e.Markdown)
		if strings.Contains(want, omitted) {
			tags++
			continue // this package shows tags
		}
		got := HTML(e.Markdown)
		switch differ := got != want; {
		case differ && !slices.Contains(known, e.Example):
			t.Errorf("example %d, %s: %q\n got %q\nwant %q", e.Example, e.Section, e.Markdown, got, want)
		case !differ && slices.Contains(known, e.Example):
			t.Errorf("example %d does not differ any more", e.Example)
		case !differ:
			same++
		}
	}
	if same < 565 {
		t.Errorf("%d of %d examples are the same", same, len(examples))
	}
	t.Logf("%d of %d examples are the same, %d have tags", same, len(examples), tags)
}

// TestHTML_Repository renders all Markdown of this repository.
func TestHTML_Repository(t *testing.T) {
	t.Parallel()
	n := 0
	err := filepath.WalkDir("../../..", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(path, ".md") {
			return err
		}
		data, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		n++
		_, body, ok := strings.Cut(string(data), "\n---\n")
		if !ok || !strings.HasPrefix(string(data), "---\n") {
			body = string(data)
		}
		got, want := HTML(body), strings.ReplaceAll(byOracle(t, body), omitted+"\n", "")
		if got != want {
			t.Errorf("%s: %s", path, firstDifference(got, want))
		}
		return nil
	})
	if err != nil || n < 150 {
		t.Errorf("%d files: %v", n, err)
	}
}

func firstDifference(got, want string) string {
	g, w := strings.Split(got, "\n"), strings.Split(want, "\n")
	i := 0
	for i < min(len(g), len(w))-1 && g[i] == w[i] {
		i++
	}
	return "got " + g[i] + "\nwant " + w[i]
}
