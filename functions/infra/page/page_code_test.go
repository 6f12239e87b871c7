package page

import (
	"html"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"unicode/utf8"
)

var tag = regexp.MustCompile(`<[^>]*>`)

// text returns what a browser shows of a rendering.
func text(rendered string) string { return html.UnescapeString(tag.ReplaceAllString(rendered, "")) }

func TestPageCode_Colours(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct{ language, code, want string }{
		{"go", `func f() string { return "a\"b" } // x`, `<span class="k">func</span> f() <span class="t">string</span> { <span class="k">return</span> <span class="s">&#34;a\&#34;b&#34;</span> } <span class="c">// x</span>`},
		{"go", "`a\nb` 0x1F", `<span class="s">` + "`a</span>\n</span><span class=\"row\"><span class=\"s\">b`</span> <span class=\"d\">0x1F</span>"},
		{"go", "/* a\nb */ x", `<span class="c">/* a</span>` + "\n</span><span class=\"row\"><span class=\"c\">b */</span> x"},
		{"json", `{"a": true, "b": 1.5}`, `{<span class="s">&#34;a&#34;</span>: <span class="k">true</span>, <span class="s">&#34;b&#34;</span>: <span class="d">1.5</span>}`},
		{"sql", "SELECT 'it''s' -- x", `<span class="k">SELECT</span> <span class="s">&#39;it&#39;</span><span class="s">&#39;s&#39;</span> <span class="c">-- x</span>`},
		{"yaml", "max-rows: 3 # x", `max-rows: <span class="d">3</span> <span class="c"># x</span>`},
		{"cobol", "func <x>", "func &lt;x&gt;"},
	} {
		has(t, render(t, PageCode(PageCodeConfig{Text: tc.code, Language: tc.language})), tc.want)
	}
}

// TestPageCode_KeepsTheText: whatever the colours, the text is unchanged, for
// all Go files of this package, and for texts that end within a token.
func TestPageCode_KeepsTheText(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("*.go")
	if err != nil || len(files) < 20 {
		t.Fatalf("%d files, %v", len(files), err)
	}
	texts := append([]string{"\"open", "/* open", "`open\n", "'", "", "\n\n", "\\", "a.B.c.", "\xff\xfe"}, hostile...)
	for _, file := range files {
		src, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		texts = append(texts, string(src))
	}
	for _, want := range texts {
		for name, l := range languages {
			var got strings.Builder
			for _, token := range tokens(want, l) {
				got.WriteString(token.text)
			}
			if got.String() != want {
				t.Fatalf("%s changes %.60q", name, want)
			}
		}
		if strings.IndexFunc(want, turns) >= 0 || strings.Contains(want, "\x00") || !utf8.ValidString(want) {
			continue
		}
		rendered := strings.TrimSuffix(render(t, PageCode(PageCodeConfig{Text: want, Language: "go", Numbers: true})), `<button class="copy" type="button">Copy</button></div>`)
		if got := text(rendered); got != want {
			t.Fatalf("rendered, %.60q is %.60q", want, got)
		}
	}
}

func TestPageCode_Links(t *testing.T) {
	t.Parallel()
	var asked []string
	got := render(t, PageCode(PageCodeConfig{Text: "x := core.Error{} // core.Error\nvar s = \"Error\" + cfg.name", Language: "go", Numbers: true, Link: func(name string) string {
		asked = append(asked, name)
		return map[string]string{"core.Error": "/units/error", "s": "javascript:x"}[name]
	}}))
	has(t, got, `<a href="/units/error">core.Error</a>`, `<a href="about:invalid">s</a>`, `<span class="row" id="L2"><a class="n" href="#L2" data-n="2" aria-label="Line 2"></a>`)
	if all := strings.Join(asked, " "); all != "x core.Error s cfg name" {
		t.Errorf("asked for %s", all)
	}
}

func TestPageCode_ShowsWhatTurnsText(t *testing.T) {
	t.Parallel()
	got := render(t, PageCode(PageCodeConfig{Text: "if a { /*\u202e } \u2066 */ }", Language: "go"}))
	has(t, got, "<mark>U+202E</mark>", "<mark>U+2066</mark>")
	hasNot(t, got, "\u202e", "\u2066")
}
