package markdown

import (
	"strings"
	"testing"
)

func TestHTML(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"a *b*":                   "<p>a <em>b</em></p>\n",
		"```go\nx < y\n```":       "<pre><code class=\"language-go\">x &lt; y\n</code></pre>\n",
		"[x](https://a.example)":  "<p><a href=\"https://a.example\">x</a></p>\n",
		"| a |\n|---|\n| b |":     "<table>\n<thead>\n<tr>\n<th>a</th>\n</tr>\n</thead>\n<tbody>\n<tr>\n<td>b</td>\n</tr>\n</tbody>\n</table>\n",
		"[x](javascript:alert())": "<p><a href=\"\">x</a></p>\n",
	} {
		if got := HTML(text); got != want {
			t.Errorf("%q: %q, want %q", text, got, want)
		}
	}
}

func TestHTML_Harmless(t *testing.T) {
	t.Parallel()
	for _, text := range []string{
		"<script>alert(1)</script>", "a <img src=x onerror=alert(1)> b", "[x](JaVaScRiPt:alert(1))", "![x](vbscript:x)",
		"<a href='javascript:alert(1)'>x</a>", "[x](data:text/html;base64,PHNjcmlwdD4=)", "[x]: javascript:alert(1)\n\n[x]",
		"<javascript:alert(1)>", "`<script>`", "```\"><script>\nx\n```", "[x](\x01javascript:alert(1))", "[a](java&#x09;script:x)",
		"[x](&#106;avascript:alert(1))", "<svg/onload=alert(1)>", strings.Repeat("<script>", 40_000),
	} {
		got := strings.ToLower(HTML(text))
		for _, bad := range []string{"<script", "<img src=x", "onerror=alert(1)>", "<svg", "\"javascript:", "\"vbscript:", "\"data:text", "'javascript:"} {
			if strings.Contains(got, bad) {
				t.Errorf("%.60q: %.200q has %q", text, got, bad)
			}
		}
	}
}

// FuzzHTML: whatever a spec holds, the only tags are those that Markdown makes.
func FuzzHTML(f *testing.F) {
	f.Add("# a\n\n- [x](javascript:y) <b>\n")
	f.Add("| a | b |\n|---|:-:|\n| <script> | ~~c~~ |\n\nhttps://a.example/<script>")
	f.Fuzz(func(t *testing.T, text string) {
		got := strings.ToLower(HTML(text))
		for _, bad := range []string{"<script", "<style", "<iframe", "<svg", "<object", " onerror=\"", "href=\"javascript:", "src=\"javascript:"} {
			if strings.Contains(got, bad) {
				t.Errorf("%q: %q has %q", text, got, bad)
			}
		}
	})
}
