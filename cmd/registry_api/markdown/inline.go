package markdown

import (
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// span is a piece of a paragraph. A run of delimiters (*, _, ~) is one too: its
// unused marks stand between the tags that it closes and those that it opens.
type span struct {
	html  string
	plain string // without tags, for an image's alt

	mark           byte // of a run; 0: none
	count, length  int  // of the remaining marks, and of the original ones
	opens, closes  bool
	before, behind []string // tags; behind is in reverse order
}

// bracket is a [ or ![ that may begin a link.
type bracket struct {
	span  int // its index
	text  int // where the text after it begins
	image bool
	dead  bool // it contains a link, and links don't nest
}

// inliner parses the text of a block.
type inliner struct {
	s        string
	pos      int
	refs     *references
	spans    []span
	pending  strings.Builder // text that is not yet a span
	brackets []bracket
	noTicks  map[int]bool // no run of that many backticks follows
}

// inline renders the text of a block.
func inline(s string, refs *references) string {
	in := &inliner{s: s, refs: refs}
	for in.pos < len(in.s) {
		in.step()
	}
	in.flush()
	in.emphasis(0)
	var out strings.Builder
	for i := range in.spans {
		out.WriteString(in.spans[i].string())
	}
	return out.String()
}

func (s *span) string() string {
	if s.mark == 0 {
		return s.html
	}
	var out strings.Builder
	for _, tag := range s.before {
		out.WriteString(tag)
	}
	out.WriteString(strings.Repeat(string(s.mark), s.count))
	for _, tag := range slices.Backward(s.behind) {
		out.WriteString(tag)
	}
	return out.String()
}

// flush turns the pending text into a span.
func (in *inliner) flush() {
	if in.pending.Len() == 0 {
		return
	}
	text := in.pending.String()
	in.pending.Reset()
	in.spans = append(in.spans, span{html: escapeText(text), plain: text})
}

// put adds HTML, and its text without tags.
func (in *inliner) put(html, plain string) {
	in.flush()
	in.spans = append(in.spans, span{html: html, plain: plain})
}

// literal adds unescaped text, escaping it.
func (in *inliner) literal(n int) {
	in.pending.WriteString(in.s[in.pos : in.pos+n])
	in.pos += n
}

// step parses one element.
func (in *inliner) step() {
	rest := in.s[in.pos:]
	switch c := rest[0]; c {
	case '\\':
		in.backslash(rest)
	case '\n':
		in.lineBreak()
	case '`':
		in.code(rest)
	case '*', '_', '~':
		in.run(rest)
	case '[':
		in.open(1, false)
	case '!':
		if strings.HasPrefix(rest, "![") {
			in.open(2, true)
			return
		}
		in.literal(1)
	case ']':
		in.close()
	case '&':
		if text, n := entity(rest); n > 0 {
			in.flush()
			in.spans = append(in.spans, span{html: escapeText(text), plain: text})
			in.pos += n
			return
		} else if n := named(rest); n > 0 {
			in.put(rest[:n], rest[:n])
			in.pos += n
			return
		}
		in.literal(1)
	case '<':
		in.angle(rest)
	case 'h', 'w':
		in.bare(rest)
	default:
		n := strings.IndexAny(rest[1:], "\\\n`*_~[!]&<hw")
		in.literal(1 + max(n, 0))
		if n < 0 {
			in.literal(len(in.s) - in.pos)
		}
	}
}

func (in *inliner) backslash(rest string) {
	switch {
	case len(rest) > 1 && rest[1] == '\n':
		in.put("<br>\n", "\n")
		in.pos += 2
		in.pos += len(in.s[in.pos:]) - len(strings.TrimLeft(in.s[in.pos:], " \t"))
	case len(rest) > 1 && isPunct(rest[1]):
		in.pending.WriteByte(rest[1])
		in.pos += 2
	default:
		in.literal(1)
	}
}

func (in *inliner) lineBreak() {
	text := in.pending.String()
	bare := strings.TrimRight(text, " ")
	in.pending.Reset()
	in.pending.WriteString(strings.TrimRight(bare, "\t"))
	if len(text)-len(bare) > 1 {
		in.put("<br>\n", "\n")
	} else {
		in.put("\n", "\n")
	}
	in.pos++
	in.pos += len(in.s[in.pos:]) - len(strings.TrimLeft(in.s[in.pos:], " \t"))
}

// code parses a code span, which ends with as many backticks as it begins with.
func (in *inliner) code(rest string) {
	n := len(rest) - len(strings.TrimLeft(rest, "`"))
	body := rest[n:]
	for i := 0; !in.noTicks[n]; {
		at := strings.IndexByte(body[i:], '`')
		if at < 0 {
			if in.noTicks == nil {
				in.noTicks = map[int]bool{}
			}
			in.noTicks[n] = true
			break
		}
		i += at
		length := len(body[i:]) - len(strings.TrimLeft(body[i:], "`"))
		if length == n {
			text := strings.ReplaceAll(body[:i], "\n", " ")
			if strings.HasPrefix(text, " ") && strings.HasSuffix(text, " ") && strings.Trim(text, " ") != "" {
				text = text[1 : len(text)-1]
			}
			in.put("<code>"+escapeText(text)+"</code>", text)
			in.pos += n + i + n
			return
		}
		i += length
	}
	in.literal(n)
}

// run parses delimiters and reports whether they may open and close.
func (in *inliner) run(rest string) {
	mark := rest[0]
	n := len(rest) - len(strings.TrimLeft(rest, rest[:1]))
	if mark == '~' && n > 2 {
		in.literal(n)
		return
	}
	before, _ := utf8.DecodeLastRuneInString(in.s[:in.pos])
	after, _ := utf8.DecodeRuneInString(rest[n:])
	if in.pos == 0 {
		before = '\n'
	}
	if len(rest) == n {
		after = '\n'
	}
	left := !unicode.IsSpace(after) && (!isMark(after) || unicode.IsSpace(before) || isMark(before))
	right := !unicode.IsSpace(before) && (!isMark(before) || unicode.IsSpace(after) || isMark(after))
	s := span{mark: mark, count: n, length: n, opens: left, closes: right}
	if mark == '_' {
		s.opens = left && (!right || isMark(before))
		s.closes = right && (!left || isMark(after))
	}
	in.flush()
	in.spans = append(in.spans, s)
	in.pos += n
}

func isMark(r rune) bool { return unicode.IsPunct(r) || unicode.IsSymbol(r) }

// key identifies the openers that a closer need not search for again: by its
// mark, its length modulo 3, and whether it could open.
type key struct {
	mark  byte
	rest  int
	opens bool
}

// emphasis matches the runs from a span on, innermost first.
func (in *inliner) emphasis(from int) {
	bottom := map[key]int{}
	var openers []int // spans that may still open
	for c := from; c < len(in.spans); c++ {
		closer := &in.spans[c]
		if closer.mark == 0 {
			continue
		}
		for closer.closes && closer.count > 0 {
			k := key{closer.mark, closer.length % 3, closer.opens}
			if closer.mark == '~' {
				k.rest = closer.length
			}
			at := len(openers) - 1
			for at >= bottom[k] && !closer.matches(&in.spans[openers[at]]) {
				at--
			}
			if at < bottom[k] {
				bottom[k] = len(openers)
				break
			}
			opener := &in.spans[openers[at]]
			opener.wrap(closer)
			openers = openers[:at+1]
			if opener.count == 0 {
				openers = openers[:at]
			}
			for k, b := range bottom {
				bottom[k] = min(b, len(openers))
			}
		}
		if closer.opens && closer.count > 0 {
			openers = append(openers, c)
		}
	}
	for i := from; i < len(in.spans); i++ {
		s := &in.spans[i]
		if s.mark != 0 { // settled: it does not match anything around it
			*s = span{html: s.string(), plain: strings.Repeat(string(s.mark), s.count)}
		}
	}
}

// matches reports whether a closer may close what an opener opens.
func (s *span) matches(opener *span) bool {
	if opener.mark != s.mark {
		return false
	}
	if s.mark == '~' {
		return opener.length == s.length
	}
	both := opener.closes || s.opens
	return !both || (opener.length+s.length)%3 != 0 || opener.length%3 == 0 && s.length%3 == 0
}

// wrap puts tags around what is between an opener and its closer.
func (s *span) wrap(closer *span) {
	tag, n := "em", 1
	switch {
	case s.mark == '~':
		tag, n = "del", s.length
	case s.count > 1 && closer.count > 1:
		tag, n = "strong", 2
	}
	s.count -= n
	closer.count -= n
	s.behind = append(s.behind, "<"+tag+">")
	closer.before = append(closer.before, "</"+tag+">")
}

func (in *inliner) open(n int, image bool) {
	in.flush()
	in.brackets = append(in.brackets, bracket{span: len(in.spans), text: in.pos + n, image: image})
	in.put(in.s[in.pos:in.pos+n], in.s[in.pos:in.pos+n])
	in.pos += n
}

// close turns the text since the last bracket into a link or an image.
func (in *inliner) close() {
	if len(in.brackets) == 0 {
		in.literal(1)
		return
	}
	b := in.brackets[len(in.brackets)-1]
	in.brackets = in.brackets[:len(in.brackets)-1]
	if b.dead {
		in.literal(1)
		return
	}
	l, n, ok := readInline(in.s[in.pos+1:])
	if !ok {
		l, n, ok = in.reference(in.s[b.text:in.pos])
	}
	if !ok {
		in.literal(1)
		return
	}
	in.flush()
	in.emphasis(b.span + 1)
	in.pos += 1 + n
	if b.image {
		var alt strings.Builder
		for _, s := range in.spans[b.span+1:] {
			alt.WriteString(s.plain)
		}
		in.spans = in.spans[:b.span]
		in.put(`<img src="`+l.href()+`" alt="`+escapeText(alt.String())+`"`+l.titleAttribute()+">", alt.String())
		return
	}
	in.spans[b.span] = span{html: `<a href="` + l.href() + `"` + l.titleAttribute() + ">"}
	in.put("</a>", "")
	for i := len(in.brackets) - 1; i >= 0 && !in.brackets[i].dead; i-- {
		in.brackets[i].dead = !in.brackets[i].image
	}
}

var escaped = strings.NewReplacer(`\[`, "", `\]`, "", `\\`, "")

// reference finds the definition that [text][label], [text][] or [text] names.
func (in *inliner) reference(text string) (l link, n int, ok bool) {
	label, n := readLabel(in.s[in.pos+1:])
	if n <= 2 { // none, or an empty one
		label = text
		if len(label) > maxLabel {
			return link{}, 0, false
		}
		if strings.ContainsAny(escaped.Replace(label), "[]") {
			return link{}, 0, false
		}
	}
	l, ok = in.refs.find(label)
	return l, n, ok
}
