package matrix

import (
	"bytes"
	"net/url"
	"slices"
	"strings"
	"sync"

	"github.com/yuin/goldmark"
	"github.com/yuin/goldmark/ast"
	"github.com/yuin/goldmark/extension"
	"github.com/yuin/goldmark/renderer"
	"github.com/yuin/goldmark/renderer/html"
	"github.com/yuin/goldmark/text"
	"github.com/yuin/goldmark/util"
	"maunium.net/go/mautrix/id"
)

// maxMarkdownDepth is how deep HTML may be nested. The spec lets clients cut at
// 100 levels; a list item or a table cell takes up to three.
const maxMarkdownDepth = 30

// linkSchemes are those that the spec allows in a link (section 11.3.1.1,
// formatted_body).
var linkSchemes = []string{"https", "http", "ftp", "mailto", "magnet"}

// markdownParser is made at first use, so that a program without messages in
// Markdown doesn't link goldmark's tables.
var markdownParser = sync.OnceValue(func() goldmark.Markdown {
	return goldmark.New(
		goldmark.WithExtensions(
			extension.Strikethrough,
			extension.NewTable(extension.WithTableCellAlignMethod(extension.TableCellAlignNone)), // no style attribute is allowed
		),
		goldmark.WithRendererOptions(
			html.WithHardWraps(), // a line break in a chat is one
			renderer.WithNodeRenderers(util.Prioritized(matrixHTML{}, 1)),
		),
	)
})

// markdownHTML is Markdown as HTML that has nothing but what the spec allows in
// a message. Raw HTML is shown as text, a link elsewhere than allowed as its
// text. It is empty where Markdown adds nothing to the text, where it is nested
// too deep, and where it would keep the parser busy: such a text goes out as it
// is.
func markdownHTML(source string, users []id.UserID) string {
	if markdownCost(source) > markdownBudget {
		return ""
	}
	md := markdownParser()
	src := []byte(source)
	doc := md.Parser().Parse(text.NewReader(src))
	if depth(doc, 0) > maxMarkdownDepth {
		return ""
	}
	if len(users) > 0 {
		addPills(doc, src, users)
	}
	var out bytes.Buffer
	if err := md.Renderer().Render(&out, src, doc); err != nil {
		return "" // a Buffer takes every byte; the plain text stays
	}
	return unwrapParagraph(strings.TrimRight(out.String(), "\n"))
}

// unwrapParagraph takes the <p> of a message that is one paragraph, which
// clients would show with a margin.
func unwrapParagraph(s string) string {
	inner, ok := strings.CutPrefix(s, "<p>")
	if inner, ok = cutSuffixIf(inner, "</p>", ok); ok && !strings.Contains(inner, "<p>") {
		return inner
	}
	return s
}

func cutSuffixIf(s, suffix string, ok bool) (string, bool) {
	cut, found := strings.CutSuffix(s, suffix)
	return cut, ok && found
}

// depth is how deep the nodes below n are nested, as far as it matters.
func depth(n ast.Node, level int) int {
	if level > maxMarkdownDepth {
		return level
	}
	deepest := level
	for child := n.FirstChild(); child != nil && deepest <= maxMarkdownDepth; child = child.NextSibling() {
		deepest = max(deepest, depth(child, level+1))
	}
	return deepest
}

// addPills makes links of the users' IDs in the text, outside of code and
// links. goldmark splits a text at what might be emphasis, so what follows one
// another is put together first.
func addPills(doc ast.Node, src []byte, users []id.UserID) {
	var texts []*ast.Text
	_ = ast.Walk(doc, func(n ast.Node, entering bool) (ast.WalkStatus, error) {
		if entering && slices.Contains([]ast.NodeKind{ast.KindLink, ast.KindImage, ast.KindCodeSpan, ast.KindAutoLink}, n.Kind()) {
			return ast.WalkSkipChildren, nil
		}
		if t, ok := n.(*ast.Text); ok && entering {
			for next, ok := t.NextSibling().(*ast.Text); ok && t.Merge(next, src); next, ok = t.NextSibling().(*ast.Text) {
				n.Parent().RemoveChild(n.Parent(), next)
			}
			texts = append(texts, t)
		}
		return ast.WalkContinue, nil
	})
	for _, t := range texts {
		pills := findPills(string(t.Segment.Value(src)), users)
		parent, start := t.Parent(), t.Segment.Start
		at := start
		for _, pill := range pills {
			if start+pill.start > at {
				parent.InsertBefore(parent, t, ast.NewTextSegment(text.NewSegment(at, start+pill.start)))
			}
			link := ast.NewLink()
			link.Destination = []byte(pillURL(pill.user))
			label := ast.NewString([]byte(pill.user))
			label.SetRaw(true)
			link.AppendChild(link, label)
			parent.InsertBefore(parent, t, link)
			at = start + pill.end
		}
		t.Segment = t.Segment.WithStart(at)
	}
}

// matrixHTML renders the nodes that goldmark would render as something that a
// message may not have.
type matrixHTML struct{}

// RegisterFuncs implements goldmark's renderer.NodeRenderer.
func (r matrixHTML) RegisterFuncs(reg renderer.NodeRendererFuncRegisterer) {
	reg.Register(ast.KindLink, renderLink)
	reg.Register(ast.KindAutoLink, renderAutoLink)
	reg.Register(ast.KindImage, renderImage)
	reg.Register(ast.KindRawHTML, renderRawHTML)
	reg.Register(ast.KindHTMLBlock, renderHTMLBlock)
}

// linkTarget is the attribute's value for a link that is allowed. Mail
// addresses of autolinks come without a scheme.
func linkTarget(n ast.Node, destination []byte) (string, bool) {
	for parent := n.Parent(); parent != nil; parent = parent.Parent() {
		if parent.Kind() == ast.KindLink { // HTML has no link in a link
			return "", false
		}
	}
	escaped := util.URLEscape(destination, true)
	parsed, err := url.Parse(string(escaped))
	if err != nil || !slices.Contains(linkSchemes, strings.ToLower(parsed.Scheme)) {
		return "", false
	}
	if parsed.Host == "" && parsed.Scheme != "mailto" && parsed.Scheme != "magnet" {
		return "", false // relative: "https:path"
	}
	return string(util.EscapeHTML(escaped)), true
}

func renderLink(w util.BufWriter, _ []byte, node ast.Node, entering bool) (ast.WalkStatus, error) {
	target, ok := linkTarget(node, node.(*ast.Link).Destination)
	switch {
	case ok && entering:
		_, _ = w.WriteString(`<a href="` + target + `">`)
	case ok:
		_, _ = w.WriteString("</a>")
	}
	return ast.WalkContinue, nil
}

func renderAutoLink(w util.BufWriter, source []byte, node ast.Node, entering bool) (ast.WalkStatus, error) {
	if !entering {
		return ast.WalkContinue, nil
	}
	n := node.(*ast.AutoLink)
	destination, label := n.URL(source), util.EscapeHTML(n.Label(source))
	if n.AutoLinkType == ast.AutoLinkEmail && !bytes.HasPrefix(bytes.ToLower(destination), []byte("mailto:")) {
		destination = append([]byte("mailto:"), destination...)
	}
	target, ok := linkTarget(node, destination)
	if ok {
		_, _ = w.WriteString(`<a href="` + target + `">`)
	}
	_, _ = w.Write(label)
	if ok {
		_, _ = w.WriteString("</a>")
	}
	return ast.WalkContinue, nil
}

// renderImage shows an image of the homeserver's media (mxc://), a link to any
// other, which clients would have to load from who knows where.
func renderImage(w util.BufWriter, source []byte, node ast.Node, entering bool) (ast.WalkStatus, error) {
	if !entering {
		return ast.WalkContinue, nil
	}
	n := node.(*ast.Image)
	var alt bytes.Buffer
	plainText(&alt, n, source)
	label := util.EscapeHTML(alt.Bytes())
	if mxc, err := id.ParseContentURI(string(n.Destination)); err == nil && mxc.IsValid() {
		_, _ = w.WriteString(`<img src="` + string(util.EscapeHTML(util.URLEscape([]byte(mxc.String()), true))) + `" alt="` + string(label) + `">`)
		return ast.WalkSkipChildren, nil
	}
	target, ok := linkTarget(node, n.Destination)
	if ok {
		_, _ = w.WriteString(`<a href="` + target + `">`)
	}
	if len(label) == 0 && ok {
		label = []byte(target)
	}
	_, _ = w.Write(label)
	if ok {
		_, _ = w.WriteString("</a>")
	}
	return ast.WalkSkipChildren, nil
}

// plainText writes the text below a node, without markup.
func plainText(out *bytes.Buffer, n ast.Node, source []byte) {
	for child := n.FirstChild(); child != nil; child = child.NextSibling() {
		switch c := child.(type) {
		case *ast.Text:
			out.Write(c.Segment.Value(source))
		case *ast.String:
			out.Write(c.Value)
		case *ast.AutoLink:
			out.Write(c.Label(source))
		default:
			plainText(out, child, source)
		}
	}
}

func renderRawHTML(w util.BufWriter, source []byte, node ast.Node, entering bool) (ast.WalkStatus, error) {
	if entering {
		segments := node.(*ast.RawHTML).Segments
		for i := range segments.Len() {
			segment := segments.At(i)
			_, _ = w.Write(util.EscapeHTML(segment.Value(source)))
		}
	}
	return ast.WalkSkipChildren, nil
}

func renderHTMLBlock(w util.BufWriter, source []byte, node ast.Node, entering bool) (ast.WalkStatus, error) {
	if !entering {
		return ast.WalkContinue, nil
	}
	n := node.(*ast.HTMLBlock)
	var lines []string
	for i := range n.Lines().Len() {
		line := n.Lines().At(i)
		lines = append(lines, string(line.Value(source)))
	}
	if n.HasClosure() {
		lines = append(lines, string(n.ClosureLine.Value(source)))
	}
	shown := string(util.EscapeHTML([]byte(strings.TrimSpace(strings.Join(lines, "")))))
	_, _ = w.WriteString("<p>" + strings.ReplaceAll(shown, "\n", "<br>\n") + "</p>\n")
	return ast.WalkContinue, nil
}
