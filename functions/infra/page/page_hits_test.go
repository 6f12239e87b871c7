package page

import "testing"

func TestPageHits(t *testing.T) {
	t.Parallel()
	got := render(t, PageHits([]PageHit{
		{Name: PageLink{Text: "backup", URL: "/7"}, Badges: []string{"<b>"}, End: "12", Text: "a & b", Code: `f("x")`, Note: "found by <a>", Tags: []PageLink{{Text: "t", URL: "/t"}}},
		{Name: other(`<a href="/8">own</a>`)},
	}))
	has(t, got, `<ol class="hits"><li class="hit"><div class="line"><a href="/7">backup</a><span class="badge">&lt;b&gt;</span><span class="end">12</span></div>`,
		"<p>a &amp; b</p>", `<code class="signature" title="f(&#34;x&#34;)">f(&#34;x&#34;)</code><span class="note">found by &lt;a&gt;</span>`, `<a class="tag" href="/t">t</a>`,
		`<li class="hit"><div class="line"><a href="/8">own</a></div><p></p></li></ol>`)
}
