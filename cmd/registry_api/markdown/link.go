package markdown

import (
	"strconv"
	"strings"
	"unicode/utf8"
)

// link is the target of a link or an image.
type link struct{ dest, title string }

// references are the link definitions of a text. Many short references to one
// long definition could make a page of gigabytes, so their total size is
// bounded; further ones are text.
type references struct {
	links map[string]link
	left  int // bytes
}

func (r *references) find(label string) (l link, ok bool) {
	l, ok = r.links[normal(label)]
	size := len(l.dest) + len(l.title)
	if !ok || size > r.left {
		return link{}, false
	}
	r.left -= size
	return l, true
}

func (l link) titleAttribute() string {
	if l.title == "" {
		return ""
	}
	return ` title="` + escapeText(l.title) + `"`
}

// schemes are the allowed schemes of links. A link without one is relative:
// browsers don't see a scheme before its colon either, since it contains
// nothing that browsers skip.
var schemes = []string{"http", "https", "mailto", "ftp", "tel", "matrix"}

// href returns the destination for an attribute; "" if it is not harmless.
func (l link) href() string {
	if at := strings.IndexByte(l.dest, ':'); at > 0 && isScheme(l.dest[:at]) {
		known := false
		for _, s := range schemes {
			known = known || strings.EqualFold(s, l.dest[:at])
		}
		if !known {
			return ""
		}
	}
	const hex = "0123456789ABCDEF"
	var out strings.Builder
	for i := 0; i < len(l.dest); i++ {
		switch c := l.dest[i]; {
		case isWord(c) || strings.IndexByte("-_.+!*'(),#@?=;:/$~", c) >= 0:
			out.WriteByte(c)
		case c == '&':
			out.WriteString("&amp;")
		case c == '%' && i+2 < len(l.dest) && isHex(l.dest[i+1]) && isHex(l.dest[i+2]):
			out.WriteByte(c)
		default:
			out.WriteString(string([]byte{'%', hex[c>>4], hex[c&15]}))
		}
	}
	return out.String()
}

func isWord(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9'
}

func isHex(c byte) bool {
	return c >= '0' && c <= '9' || c >= 'a' && c <= 'f' || c >= 'A' && c <= 'F'
}

// isPunct reports whether a backslash escapes c.
func isPunct(c byte) bool { return c > ' ' && c < 0x7f && !isWord(c) }

// escapeText escapes text for an element or an attribute.
func escapeText(s string) string { return escaper.Replace(s) }

var escaper = strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;", `"`, "&quot;")

// names are the entities that are decoded. The browser decodes the others.
var names = map[string]string{"amp": "&", "lt": "<", "gt": ">", "quot": `"`, "nbsp": "\u00a0"}

// entity decodes the entity at the start of text: a numeric one, or one of a
// few names. n is 0 if there is none.
func entity(text string) (decoded string, n int) {
	end := strings.IndexByte(text[:min(len(text), 12)], ';')
	if end < 2 {
		return "", 0
	}
	name := text[1:end]
	if name[0] != '#' {
		decoded, ok := names[name]
		if !ok {
			return "", 0
		}
		return decoded, end + 1
	}
	base, digits := 10, name[1:]
	if strings.HasPrefix(digits, "x") || strings.HasPrefix(digits, "X") {
		base, digits = 16, digits[1:]
	}
	code, err := strconv.ParseUint(digits, base, 32)
	if err != nil || base == 10 && len(digits) > 7 || base == 16 && len(digits) > 6 {
		return "", 0
	}
	r := rune(code)
	if r == 0 || !utf8.ValidRune(r) {
		r = utf8.RuneError
	}
	return string(r), end + 1
}

// named returns the length of the named entity at the start of text; 0 if there
// is none.
func named(text string) int {
	n := 1
	for n < len(text) && n < 33 && isWord(text[n]) {
		n++
	}
	if n < 3 || n == len(text) || text[n] != ';' || text[1] <= '9' {
		return 0
	}
	return n + 1
}

// unescape removes backslashes and entities from a destination, a title or the
// language of code.
func unescape(s string) string {
	var out strings.Builder
	for i := 0; i < len(s); i++ {
		switch {
		case s[i] == '\\' && i+1 < len(s) && isPunct(s[i+1]):
			i++
			out.WriteByte(s[i])
		case s[i] == '&':
			if text, n := entity(s[i:]); n > 0 {
				out.WriteString(text)
				i += n - 1
				continue
			}
			out.WriteByte('&')
		default:
			out.WriteByte(s[i])
		}
	}
	return out.String()
}

// normal returns a label in the form in which labels are compared: folded, with
// single spaces.
func normal(label string) string {
	return strings.ToLower(strings.ToUpper(strings.Join(strings.Fields(label), " ")))
}

// maxLabel is the longest label of a definition, in bytes.
const maxLabel = 1000

// readLabel parses [label]; n is 0 if there is none.
func readLabel(s string) (label string, n int) {
	if s == "" || s[0] != '[' {
		return "", 0
	}
	for i := 1; i < len(s) && i <= maxLabel; i++ {
		switch s[i] {
		case '\\':
			i++
		case '[':
			return "", 0
		case ']':
			return s[1:i], i + 1
		}
	}
	return "", 0
}

// readDestination reads a destination, in angle brackets or without.
func readDestination(s string) (dest string, n int, ok bool) {
	if strings.HasPrefix(s, "<") {
		for i := 1; i < len(s); i++ {
			switch s[i] {
			case '\\':
				i++
			case '\n', '<':
				return "", 0, false
			case '>':
				return unescape(s[1:i]), i + 1, true
			}
		}
		return "", 0, false
	}
	depth, i := 0, 0
scan:
	for ; i < len(s); i++ {
		switch c := s[i]; {
		case c == '\\' && i+1 < len(s) && isPunct(s[i+1]):
			i++
		case c == '(':
			if depth++; depth > 32 {
				return "", 0, false
			}
		case c == ')':
			if depth == 0 {
				break scan
			}
			depth--
		case c <= ' ' || c == 0x7f:
			break scan
		}
	}
	return unescape(s[:i]), i, depth == 0
}

// readTitle reads a title in quotes or parentheses.
func readTitle(s string) (title string, n int) {
	if s == "" {
		return "", 0
	}
	end := s[0]
	switch end {
	case '(':
		end = ')'
	case '"', '\'':
	default:
		return "", 0
	}
	for i := 1; i < len(s); i++ {
		switch {
		case s[i] == '\\':
			i++
		case s[i] == end:
			return unescape(s[1:i]), i + 1
		case s[i] == '(' && end == ')':
			return "", 0
		case s[i] == '\n' && i+1 < len(s) && s[i+1] == '\n':
			return "", 0
		}
	}
	return "", 0
}

func spaces(s string) int { return len(s) - len(strings.TrimLeft(s, " \t\n")) }

// readInline parses what follows the text of an inline link: (destination
// "title").
func readInline(s string) (l link, n int, ok bool) {
	if s == "" || s[0] != '(' {
		return link{}, 0, false
	}
	n = 1 + spaces(s[1:])
	dest, length, ok := readDestination(s[n:])
	if !ok {
		return link{}, 0, false
	}
	l.dest = dest
	n += length
	if gap := spaces(s[n:]); gap > 0 {
		n += gap
		title, length := readTitle(s[n:])
		l.title = title
		n += length
		n += spaces(s[n:])
	}
	if n >= len(s) || s[n] != ')' {
		return link{}, 0, false
	}
	return l, n + 1, true
}

// definitions stores the link definitions at the start of a paragraph, and
// returns what follows them.
func (p *parser) definitions(text string) string {
	for strings.HasPrefix(text, "[") {
		n := p.definition(text)
		if n == 0 {
			break
		}
		text = strings.TrimLeft(text[n:], " \t")
	}
	return text
}

// definition parses [label]: destination "title", and returns its length.
func (p *parser) definition(s string) int {
	label, n := readLabel(s)
	if n == 0 || strings.TrimSpace(label) == "" || n == len(s) || s[n] != ':' {
		return 0
	}
	n++
	n += spaces(s[n:])
	dest, length, ok := readDestination(s[n:])
	if !ok || length == 0 {
		return 0
	}
	l := link{dest: dest}
	n += length
	end := lineEnd(s[n:])
	if gap := spaces(s[n:]); gap > 0 {
		if title, length := readTitle(s[n+gap:]); length > 0 {
			if after := lineEnd(s[n+gap+length:]); after >= 0 {
				l.title = title
				n += gap + length
				end = after
			}
		}
	}
	if end < 0 {
		return 0
	}
	if name := normal(label); p.refs.links[name] == (link{}) {
		p.refs.links[name] = l
	}
	return n + end
}

// lineEnd returns the length of the blank rest of a line; -1 if more follows.
func lineEnd(s string) int {
	for i := 0; i < len(s); i++ {
		if s[i] == '\n' {
			return i + 1
		}
		if !isBlank(s[i]) {
			return -1
		}
	}
	return len(s)
}

// maxAddress is the longest address in angle brackets, in bytes.
const maxAddress = 2048

// angle parses <address>, which is a link, and drops comments. Anything else
// that begins with < is text.
func (in *inliner) angle(rest string) {
	if strings.HasPrefix(rest, "<!--") {
		if end := strings.Index(rest[4:], "-->"); end >= 0 {
			in.flush()
			in.pos += 4 + end + 3
			return
		}
	}
	end := strings.IndexAny(rest[:min(len(rest), maxAddress)], "> \t\n")
	if end < 2 || rest[end] != '>' || strings.Contains(rest[1:end], "<") {
		in.literal(1)
		return
	}
	address := rest[1:end]
	l := link{dest: address}
	switch colon := strings.IndexByte(address, ':'); {
	case colon > 1 && colon <= 32 && isScheme(address[:colon]):
	case isMail(address):
		l.dest = "mailto:" + address
	default:
		in.literal(1)
		return
	}
	in.put(`<a href="`+l.href()+`">`+escapeText(address)+"</a>", address)
	in.pos += end + 1
}

func isScheme(s string) bool {
	for i := range len(s) {
		if !isWord(s[i]) && (i == 0 || strings.IndexByte("+.-", s[i]) < 0) {
			return false
		}
	}
	return s[0] > '9'
}

func isMail(s string) bool {
	name, domain, ok := strings.Cut(s, "@")
	if !ok || name == "" || domain == "" || strings.Trim(domain, "-.") != domain || strings.Contains(domain, "..") {
		return false
	}
	for i := range len(name) {
		if !isWord(name[i]) && strings.IndexByte(".!#$%&'*+/=?^_`{|}~-", name[i]) < 0 {
			return false
		}
	}
	for i := range len(domain) {
		if !isWord(domain[i]) && domain[i] != '-' && domain[i] != '.' {
			return false
		}
	}
	return true
}

// bare parses an unmarked address: http://, https:// or www. at the beginning
// of a word.
func (in *inliner) bare(rest string) {
	prefix, scheme := "", ""
	switch {
	case strings.HasPrefix(rest, "http://"), strings.HasPrefix(rest, "https://"):
		prefix = rest[:strings.Index(rest, "//")+2]
	case strings.HasPrefix(rest, "www."):
		scheme = "http://"
	default:
		in.literal(1)
		return
	}
	if in.pos > 0 && strings.IndexByte(" \t\n*_~(", in.s[in.pos-1]) < 0 {
		in.literal(max(len(prefix), 4))
		return
	}
	end := strings.IndexAny(rest, " \t\n<")
	if end < 0 {
		end = len(rest)
	}
	address := trimAddress(rest[:end])
	host, _, _ := strings.Cut(address[min(len(prefix), len(address)):], "/")
	if dot := strings.IndexByte(host, '.'); dot < 1 || dot == len(host)-1 || !isWord(host[0]) {
		in.literal(max(len(prefix), 4))
		return
	}
	in.put(`<a href="`+link{dest: scheme + address}.href()+`">`+escapeText(address)+"</a>", address)
	in.pos += len(address)
}

// trimAddress removes the punctuation of the surrounding sentence from an
// address.
func trimAddress(s string) string {
	extra := strings.Count(s, ")") - strings.Count(s, "(") // a surrounding sentence adds only closing ones
	for s != "" {
		switch c := s[len(s)-1]; {
		case strings.IndexByte("?!.,:*_~'\"", c) >= 0:
		case c == ')' && extra > 0:
			extra--
		case c == ';' && strings.LastIndexByte(s, '&') >= 0:
			at := strings.LastIndexByte(s, '&')
			if named(s[at:]) != len(s)-at {
				return s
			}
			s = s[:at]
			continue
		default:
			return s
		}
		s = s[:len(s)-1]
	}
	return s
}
