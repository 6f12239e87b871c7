package markdown

import (
	"html"
	"regexp"
	"slices"
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

// tag matches what may be between < and > in a page.
var tag = regexp.MustCompile(`^(?:/?(?:p|em|strong|del|code|pre|a|ul|ol|li|blockquote|h[1-6]|table|thead|tbody|tr|th|td)|hr|br|ol start="\d+"|` +
	`t[hd] align="(?:left|center|right)"|code class="language-[^"<>]*"|a href="([^"<>]*)"(?: title="[^"<>]*")?|` +
	`img src="([^"<>]*)" alt="[^"<>]*"(?: title="[^"<>]*")?)>`)

var anyScheme = regexp.MustCompile(`^[a-zA-Z][a-zA-Z0-9+.-]*$`)

// harm describes what is harmful in a page; "" if nothing.
func harm(page string) string {
	for _, after := range strings.Split(page, "<")[1:] {
		m := tag.FindStringSubmatch(after)
		if m == nil {
			return "<" + after
		}
		for _, address := range m[1:] {
			// As a browser reads it: entities are decoded, and the text before
			// the first colon is a scheme.
			address = html.UnescapeString(address)
			if strings.ContainsFunc(address, func(r rune) bool { return r <= ' ' }) {
				return address
			}
			scheme, _, ok := strings.Cut(address, ":")
			if ok && anyScheme.MatchString(scheme) && !slices.Contains(schemes, strings.ToLower(scheme)) {
				return address
			}
		}
	}
	return ""
}

func TestHTML_Harmless(t *testing.T) {
	t.Parallel()
	for _, text := range []string{
		"<script>alert(1)</script>", "a <img src=x onerror=alert(1)> b", "[x](JaVaScRiPt:alert(1))", "![x](vbscript:x)",
		"<a href='javascript:alert(1)'>x</a>", "[x](data:text/html;base64,PHNjcmlwdD4=)", "[x]: javascript:alert(1)\n\n[x]",
		"<javascript:alert(1)>", "`<script>`", "```\"><script>\nx\n```", "[x](\x01javascript:alert(1))", "[a](java&#x09;script:x)",
		"[x](&#106;avascript:alert(1))", "[x](javascript&colon;alert(1))", "[x](java&Tab;script:x)", "<svg/onload=alert(1)>",
		"[x](<java\tscript:x>)", "[x](a \"\\\" onclick=x\")", "![\" onerror=\"x](y)", "~~~ x\" onclick=\"y\nz", "|a|\n|-|\n|<b>|",
		"a <!-- <script> --> b <!-- <script>", strings.Repeat("<script>", 40_000),
	} {
		if bad := harm(HTML(text)); bad != "" {
			t.Errorf("%.60q: %.200q", text, bad)
		}
	}
}

// Text that is not Markdown is shown: an author's <T> does not vanish. Comments
// do.
func TestHTML_Tags(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"a Map<K, V> b":                "<p>a Map&lt;K, V&gt; b</p>\n",
		"a <!-- b --> c":               "<p>a  c</p>\n",
		"<!-- a\n\nb -->\nc":           "<p>c</p>\n",
		"a\n<!-- b -->":                "<p>a</p>\n",
		"a <!-- b":                     "<p>a &lt;!-- b</p>\n",
		"x &rarr; y &amp; z":           "<p>x &rarr; y &amp; z</p>\n",
		"see https://a.example/b(c).":  "<p>see <a href=\"https://a.example/b(c)\">https://a.example/b(c)</a>.</p>\n",
		"see www.a.example, or x":      "<p>see <a href=\"http://www.a.example\">www.a.example</a>, or x</p>\n",
		"[room](matrix:r/a:b.example)": "<p><a href=\"matrix:r/a:b.example\">room</a></p>\n",
		"| a |\n|--:|\n| b \\| c |":    "<table>\n<thead>\n<tr>\n<th align=\"right\">a</th>\n</tr>\n</thead>\n<tbody>\n<tr>\n<td align=\"right\">b | c</td>\n</tr>\n</tbody>\n</table>\n",
		"a\n| b |\n|---|\n---":         "<p>a</p>\n<table>\n<thead>\n<tr>\n<th>b</th>\n</tr>\n</thead>\n</table>\n<hr>\n",
		"~~a~~ ~b~ ~~~c~~~":            "<p><del>a</del> <del>b</del> ~~~c~~~</p>\n",
	} {
		if got := HTML(text); got != want {
			t.Errorf("%q: %q, want %q", text, got, want)
		}
	}
}

// If text were rescanned repeatedly, some of these would take minutes, and
// exceed the test's time limit.
func TestHTML_Hostile(t *testing.T) {
	t.Parallel()
	for _, s := range []string{
		"[a](", "![", "[", "*a_ ", "`", "<!--", "> ", "- ", "(", "**a *", "[a]: b\n", "|a|b\n", "|-|-\n", "a\n", "&#", "www.",
		"https://", "\\", "~a~ ", "[[a](b)", "`` a ` ", "1. a\n   ", "\t", "<a@", "# a\n", "> - ", "|a|\n|-|\n===\n",
	} {
		if bad := harm(HTML(strings.Repeat(s, maxRendered/4/len(s)))); bad != "" {
			t.Errorf("%q: %.200q", s, bad)
		}
	}
	for _, s := range []string{
		"http://a.b/" + strings.Repeat(")", maxRendered-20),
		"[a]: " + strings.Repeat("x", maxRendered/2) + "\n\n" + strings.Repeat("[a]", maxRendered/7),
		"|" + strings.Repeat("a|", 20_000) + "\n|" + strings.Repeat("-|", 20_000) + "\n" + strings.Repeat("|\n", 80_000),
	} {
		if page := HTML(s); len(page) > 40*len(s) {
			t.Errorf("%.20q: %d bytes make %d", s, len(s), len(page))
		}
	}
	stars := strings.Repeat("*", maxRendered/2-1)
	if bad := harm(HTML(stars + "a" + stars)); bad != "" {
		t.Errorf("long runs: %.200q", bad)
	}
	if got := HTML(strings.Repeat("a", maxRendered+1)); !strings.HasPrefix(got, "<pre>a") {
		t.Errorf("a long text: %.20q", got)
	}
	if got := HTML("a\x00\xffb"); got != "<p>a\uFFFD\uFFFDb</p>\n" {
		t.Errorf("what is not text: %q", got)
	}
}

// FuzzHTML: whatever a spec contains, the only tags are those of the renderer.
func FuzzHTML(f *testing.F) {
	f.Add("# a\n\n- [x](javascript:y) <b>\n")
	f.Add("| a | b |\n|---|:-:|\n| <script> | ~~c~~ |\n\nhttps://a.example/<script>")
	f.Add("> 1. *a **b `c` [d]\n>\n>    ```x\n[d]: e 'f'\n\t- g\\\nh&#58;")
	f.Fuzz(func(t *testing.T, text string) {
		if bad := harm(HTML(text)); bad != "" {
			t.Errorf("%q: %q", text, bad)
		}
	})
}
