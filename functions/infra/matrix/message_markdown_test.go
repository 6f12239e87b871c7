package matrix_test

import (
	"strings"
	"testing"

	"golang.org/x/net/html"
	"maunium.net/go/mautrix/id"

	"fnregistry.dev/functions/infra/matrix"
)

// allowedHTML is the subset of the spec, section "m.room.message msgtypes":
// elements with their attributes.
var allowedHTML = map[string][]string{
	"del": nil, "h1": nil, "h2": nil, "h3": nil, "h4": nil, "h5": nil, "h6": nil, "blockquote": nil, "p": nil, "a": {"href", "target"},
	"ul": nil, "ol": {"start"}, "sup": nil, "sub": nil, "li": nil, "b": nil, "i": nil, "u": nil, "strong": nil, "em": nil, "s": nil,
	"code": {"class"}, "hr": nil, "br": nil, "div": nil, "table": nil, "thead": nil, "tbody": nil, "tr": nil, "th": nil, "td": nil,
	"caption": nil, "pre": nil, "span": nil, "img": {"width", "height", "alt", "title", "src"}, "details": nil, "summary": nil,
}

// checkHTML fails the test for HTML that is not allowed in a message. It parses
// it as a browser would.
func checkHTML(t testing.TB, source string) {
	t.Helper()
	tokens := html.NewTokenizer(strings.NewReader(source))
	var open []string
	for {
		switch kind := tokens.Next(); kind {
		case html.ErrorToken:
			if len(open) > 0 {
				t.Fatalf("%q leaves %v open", source, open)
			}
			return
		case html.CommentToken, html.DoctypeToken:
			t.Fatalf("%q has a %v", source, kind)
		case html.StartTagToken, html.SelfClosingTagToken:
			token := tokens.Token()
			checkElement(t, source, token)
			if token.Data == "a" {
				for _, outer := range open {
					if outer == "a" {
						t.Fatalf("%q has a link in a link", source)
					}
				}
			}
			if kind == html.StartTagToken && token.Data != "br" && token.Data != "hr" && token.Data != "img" {
				open = append(open, token.Data)
			}
			if len(open) > 100 {
				t.Fatalf("%d levels deep", len(open))
			}
		case html.EndTagToken:
			token := tokens.Token()
			if len(open) == 0 || open[len(open)-1] != token.Data {
				t.Fatalf("%q ends %s within %v", source, token.Data, open)
			}
			open = open[:len(open)-1]
		}
	}
}

func checkElement(t testing.TB, source string, token html.Token) {
	t.Helper()
	attributes, ok := allowedHTML[token.Data]
	if !ok {
		t.Fatalf("%q has the element %s", source, token.Data)
	}
	for _, a := range token.Attr {
		allowed := false
		for _, name := range attributes {
			allowed = allowed || name == a.Key
		}
		scheme, _, _ := strings.Cut(strings.ToLower(a.Val), ":")
		switch a.Key {
		case "href":
			allowed = allowed && (scheme == "https" || scheme == "http" || scheme == "ftp" || scheme == "mailto" || scheme == "magnet") && strings.Contains(a.Val, ":")
		case "src":
			allowed = allowed && strings.HasPrefix(a.Val, "mxc://")
		case "class":
			allowed = allowed && strings.HasPrefix(a.Val, "language-")
		}
		if !allowed {
			t.Fatalf("%q has %s %s=%q", source, token.Data, a.Key, a.Val)
		}
	}
}

func TestMarkdown_HTML(t *testing.T) {
	t.Parallel()
	alice, lower := id.UserID("@alice:example.org"), id.UserID("@a_b_c:example.org")
	pill := `<a href="https://matrix.to/#/@alice:example.org">@alice:example.org</a>`
	for _, c := range []struct{ name, text, want string }{
		{"plain", "hello", ""},
		{"escaped alone", "a < b & c", ""},
		{"strong", "**a** & b", "<strong>a</strong> &amp; b"},
		{"line break", "a\n**b**", "a<br>\n<strong>b</strong>"},
		{"two paragraphs", "a\n\nb", "<p>a</p>\n<p>b</p>"},
		{"struck", "~~a~~", "<del>a</del>"},
		{"list", "3. a\n4. b", "<ol start=\"3\">\n<li>a</li>\n<li>b</li>\n</ol>"},
		{"code", "```go\nx < y\n```", "<pre><code class=\"language-go\">x &lt; y\n</code></pre>"},
		{"table without alignment", "| a |\n|--:|\n| b |", "<table>\n<thead>\n<tr>\n<th>a</th>\n</tr>\n</thead>\n<tbody>\n<tr>\n<td>b</td>\n</tr>\n</tbody>\n</table>"},
		{"link", `[a](https://x.org/?a=1&b="2" "title")`, `<a href="https://x.org/?a=1&amp;b=%222%22">a</a>`},
		{"mail", "<a@x.org>", `<a href="mailto:a@x.org">a@x.org</a>`},
		{"script link", "[a](javascript:alert(1)) **b**", "a <strong>b</strong>"},
		{"script link, disguised", "[a](JaVa\tScript:alert(1)) **b**", "[a](JaVa\tScript:alert(1)) <strong>b</strong>"},
		{"data link", "[a](data:text/html,x) **b**", "a <strong>b</strong>"},
		{"relative link", "[a](/etc) **b**", "a <strong>b</strong>"},
		{"scheme without a host", "[a](https:etc) **b**", "a <strong>b</strong>"},
		{"autolink of a script", "<javascript:alert(1)> **b**", "javascript:alert(1) <strong>b</strong>"},
		{"link in a link", "[a <https://y.org> b](https://x.org)", `<a href="https://x.org">a https://y.org b</a>`},
		{"raw html", "**a** <script>alert(1)</script> <b onclick=x>b</b>", "<strong>a</strong> &lt;script&gt;alert(1)&lt;/script&gt; &lt;b onclick=x&gt;b&lt;/b&gt;"},
		{"html block", "<div style=\"x\">\nb\n</div>\n\n*c*", "<p>&lt;div style=&quot;x&quot;&gt;<br>\nb<br>\n&lt;/div&gt;</p>\n<p><em>c</em></p>"},
		{"comment", "a <!-- b --> *c*", "a &lt;!-- b --&gt; <em>c</em>"},
		{"foreign image", "![a](https://x.org/p.png)", `<a href="https://x.org/p.png">a</a>`},
		{"image", "![a](mxc://x.org/p)", `<img src="mxc://x.org/p" alt="a">`},
		{"pill", "*Hi* @alice:example.org.", "<em>Hi</em> " + pill + "."},
		{"pill with emphasis' marks", "*Hi* @a_b_c:example.org!", `<em>Hi</em> <a href="https://matrix.to/#/@a_b_c:example.org">@a_b_c:example.org</a>!`},
		{"no pill in code", "`@alice:example.org`", "<code>@alice:example.org</code>"},
		{"no pill in a link", "[@alice:example.org](https://x.org)", `<a href="https://x.org">@alice:example.org</a>`},
		{"no pill for another", "*Hi* @alice:example.organic @alice:example.org.uk x@alice:example.org", "<em>Hi</em> @alice:example.organic @alice:example.org.uk x@alice:example.org"},
		{"too deep", strings.Repeat("> ", 200) + "a", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			got := matrix.MarkdownHTML(t, c.text, alice, lower)
			if got != c.want {
				t.Errorf("%q\n got %q\nwant %q", c.text, got, c.want)
			}
			checkHTML(t, got)
		})
	}
}

func FuzzMarkdown(f *testing.F) {
	for _, seed := range []string{
		"**a** _b_ `c` ~~d~~ [e](https://f)", "<script>", "![x](javascript:y)", "<a href='x'>", "> > > a\n\n1. b\n   - c", "|a|b|\n|:-|-:|\n|<i>|`|`|",
		"[a]: javascript:b\n[a]", "&lt;script&gt; &#60;b&#62;", "\\<b> \x00 \xff", "[a](<https://x\" onclick=\"y>)", "@a:b @a:bc **@a:b** `@a:b`", "<https://x.org/\"'<>>",
		"[![a](mxc://b/c)](https://d <https://e>)", "```\" onload=x\ny\n```", "* * *\n- [ ] x", "<div>\n<?php ?>\n<![CDATA[x]]>\n<!DOCTYPE x>", "![<b>](mxc://a/b\"c)",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, source string) {
		if len(source) > 1<<14 {
			return
		}
		for _, markdown := range []bool{true, false} {
			checkHTML(t, matrix.MessageHTML(source, markdown, "@a:b", "@c:d.e"))
		}
	})
}

// Markdown to HTML for a typical message.
func BenchmarkMarkdown(b *testing.B) {
	const text = "**Deploy** of `web` to *production* is done, see [the log](https://ci.example.org/1234).\n\n- 12 tests\n- 0 failures\n\n@alice:example.org, have a look."
	for b.Loop() {
		if matrix.MessageHTML(text, true, "@alice:example.org") == "" {
			b.Fatal("no HTML")
		}
	}
}
