package search

import (
	"slices"
	"strings"
	"testing"
)

// TestThesaurusFile checks that every line of thesaurus.txt is parsed and adds
// something.
func TestThesaurusFile(t *testing.T) {
	t.Parallel()
	n := 0
	for line := range strings.Lines(thesaurusText) {
		n++
		if line = strings.TrimSpace(line); line == "" || line[0] == '#' {
			continue
		}
		read, err := parseThesaurus(line)
		if err != nil || len(read) == 0 {
			t.Errorf("line %d: %q gives %v, %v", n, line, read, err)
		}
		for key, also := range read {
			if len(also) == 0 || slices.Contains(also, key) {
				t.Errorf("line %d: %q is looked for as %v", n, key, also)
			}
		}
	}
}

func TestThesaurus(t *testing.T) {
	t.Parallel()
	const text = "# a note\nsubprocess = child process, process\n\nthumbs up > reaction, emoji\n"
	th, err := parseThesaurus(text)
	if err != nil {
		t.Fatal(err)
	}
	for key, want := range map[string]string{
		"subprocess": "process", "child process": "subprocess process", "process": "subprocess",
		"thumb up": "reaction emoji", "reaction": "", "emoji": "",
	} {
		if got := strings.Join(th[key], " "); got != want {
			t.Errorf("%s: %q, want %q", key, got, want)
		}
	}
	for _, bad := range []string{"no sign", "one two three four five > six", " = "} {
		if th, err := parseThesaurus(bad + "\n"); err == nil && len(th) > 0 {
			t.Errorf("%q gives %v", bad, th)
		}
	}
}

// TestSynonyms checks which synonyms are also searched for.
func TestSynonyms(t *testing.T) {
	t.Parallel()
	for query, want := range map[string]string{
		"terminate a subprocess": "terminate: quit abort shut stop end kill sigkill signal | subprocess: grandchildren descendant offspring children process tree",
		"thumbs up":              "thumbs: smiley reaction react emoji | up: smiley reaction react emoji",
		"ChatGPT":                "ChatGPT: openai llm anthropic claude completion stream sse", // not chat
		`"thumbs up" -post`:      "thumbs up: | post:",
		"xyzzy":                  "xyzzy:",
	} {
		var got []string
		for _, w := range analyze(ParseQuery(query).Words) {
			got = append(got, strings.TrimSpace(w.Text+": "+strings.Join(w.also, " ")))
		}
		if text := strings.Join(got, " | "); text != want {
			t.Errorf("%s:\ngot  %s\nwant %s", query, text, want)
		}
	}
}

// TestWeak checks that weak words do not decide.
func TestWeak(t *testing.T) {
	t.Parallel()
	x := Build(slices.Values([]Doc{
		{Key: "a", Name: "something_else", Description: "Sure about everything."},
		{Key: "b", Name: "cron", Description: "Runs jobs."}, {Key: "c"}, {Key: "d"},
	}))
	if res := x.Search(ParseQuery("make sure something about everything runs by cron"), Options{}); keys(res.Hits) != "b" {
		t.Errorf("got %s", keys(res.Hits))
	}
}
