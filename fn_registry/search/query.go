package search

import (
	"slices"
	"sort"
	"strings"
	"unicode"

	"fnregistry.dev/functions/core"
)

const (
	maxWords = 32 // words of a query that are used; more are ignored
	maxParts = 16 // parts of one word, or words of a phrase, that are used; more are ignored
	maxNear  = 5  // corrections reported per word
)

// Query is what to look for. All parts must match.
type Query struct {
	Words     []Word
	Filters   []Filter   // field words: for the caller to apply, by [Options.Accept]
	Signature *Signature // nil: any
	Problems  []Problem  // parts of the text that were not understood, and are ignored
}

// Empty reports whether there is nothing to look for: every unit matches.
func (q Query) Empty() bool {
	return len(q.Words) == 0 && len(q.Filters) == 0 && q.Signature == nil
}

// Word is a word, an identifier, or a phrase.
type Word struct {
	Text    string // as typed
	Phrase  bool   // its words are adjacent in name, description or a tag
	Prefix  bool   // it may be the beginning of a word
	Negated bool   // units that have it (in any form, in any field) are excluded
	Type    bool   // it is a declared type's name: not a function of that name
}

// Filter is a field word such as tag:matrix or -purity:pure.
type Filter struct {
	Field   string // one of Fields
	Value   string // as typed, not empty; the caller validates it
	Negated bool
}

// Problem is a part of a query that was not understood.
type Problem struct {
	Text       string   // the part
	Message    string   // for a person
	Candidates []string // fields that may be meant, likeliest first; all fields if none is similar
}

// Fields are the fields of field words.
func Fields() []string {
	return []string{"tag", "purity", "kind", "domain", "lang", "tested", "imports", "uses", "used_by"}
}

// ParseQuery reads a query as a person types it: words, "phrases in quotes",
// -words to leave out, field:word and -field:"words", or instead of words a
// signature (see [ParseSignature]): what begins with a parenthesis or func(, or
// has an arrow. Of a type's declaration, type Error struct, the name is looked
// for. The last free word gets Prefix. It never fails: what can't be read is in
// Problems. A field without a value yet (tag:) is ignored.
func ParseQuery(text string) Query {
	var q Query
	text = strings.TrimSpace(text)
	if looksLikeSignature(text) {
		rest := q.takeFields(text)
		s, err := ParseSignature(rest)
		if err == nil {
			q.Signature = &s
			return q
		}
		q.Problems = append(q.Problems, Problem{Text: rest, Message: err.Error()})
		text = rest
	}
	if name := declaredType(text); name != "" {
		q.Words = []Word{{Text: name, Type: true}} // exact: it is complete
		return q
	}
	for text != "" {
		var t piece
		t, text = nextPiece(text)
		q.add(t)
	}
	for i := len(q.Words) - 1; i >= 0; i-- {
		if w := &q.Words[i]; !w.Negated {
			w.Prefix = !w.Phrase
			break
		}
	}
	return q
}

// declaredType returns the name in a type's declaration, "type Error struct";
// empty if the text is not one.
func declaredType(text string) string {
	rest, ok := strings.CutPrefix(strings.TrimSpace(text), "type ")
	if !ok {
		return ""
	}
	rest = strings.TrimLeft(rest, " ")
	n := 0
	for n < len(rest) && isNameByte(rest[n]) {
		n++
	}
	name, rest := rest[:n], rest[n:]
	if !isTypeName(name) {
		return ""
	}
	if strings.HasPrefix(rest, "[") { // type parameters
		if rest = rest[matching(rest, 0)+1:]; strings.TrimSpace(rest) == "" {
			return name // the rest is still to be typed
		}
	}
	words := strings.Fields(rest)
	if len(words) == 1 && predeclared[words[0]] {
		return name
	}
	for _, kind := range []string{"struct", "interface", "func", "map[", "[", "chan", "="} {
		if len(words) > 0 && strings.HasPrefix(words[0], kind) {
			return name
		}
	}
	return ""
}

// isTypeName reports whether a text may be an exported type's name.
func isTypeName(name string) bool {
	return name != "" && unicode.IsUpper([]rune(name)[0])
}

// takeFields removes the field words from a text and returns the rest.
func (q *Query) takeFields(text string) string {
	var rest []string
	for text != "" {
		before := text
		var t piece
		t, text = nextPiece(text)
		if t.field != "" && slices.Contains(Fields(), t.field) {
			q.add(t)
		} else {
			rest = append(rest, strings.TrimSpace(before[:len(before)-len(text)]))
		}
	}
	return strings.Join(rest, " ")
}

// piece is a part of a query between spaces.
type piece struct {
	field, value    string
	negated, quoted bool
	text            string // all of it
}

// nextPiece cuts the first piece off a text that does not begin with a space,
// and the spaces after it.
func nextPiece(text string) (t piece, rest string) {
	pos := 0
	if len(text) > 1 && text[0] == '-' && text[1] != '-' && !unicode.IsSpace(rune(text[1])) {
		t.negated, pos = true, 1
	}
	start := pos
	for pos < len(text) && (isNameByte(text[pos]) && text[pos] < 0x80) {
		pos++
	}
	if isField(text[start:pos]) && strings.HasPrefix(text[pos:], ":") && !strings.HasPrefix(text[pos:], "::") &&
		!strings.HasPrefix(text[pos:], "://") {
		t.field = strings.ToLower(text[start:pos])
		start = pos + 1
	}
	end := 0
	if quoted, ok := strings.CutPrefix(text[start:], `"`); ok {
		t.quoted = true
		if t.value, _, ok = strings.Cut(quoted, `"`); ok {
			end = start + len(t.value) + 2
		} else {
			end = len(text) // the end is still to be typed
		}
	} else {
		end = start + len(text[start:])
		if i := strings.IndexFunc(text[start:], unicode.IsSpace); i >= 0 {
			end = start + i
		}
		t.value = text[start:end]
	}
	t.text = text[:end]
	return t, strings.TrimLeftFunc(text[end:], unicode.IsSpace)
}

// isField reports whether the text before a colon may be a field, rather than a
// number.
func isField(s string) bool { return s != "" && (s[0] < '0' || s[0] > '9') }

func (q *Query) add(t piece) {
	known := slices.Contains(Fields(), t.field)
	switch {
	case t.field != "" && !known && t.value == "": // the first word of "error: connection refused"
		q.Words = append(q.Words, Word{Text: t.field, Negated: t.negated})
	case t.field == "":
		if t.value != "" && t.value != "-" {
			q.Words = append(q.Words, Word{Text: t.value, Phrase: t.quoted, Negated: t.negated})
		}
	case !known:
		near := candidates(t.field)
		hint := core.DidYouMean(near...)
		if hint == "" {
			near = Fields()
			hint = "there are " + strings.Join(near, ", ")
		}
		q.Problems = append(q.Problems, Problem{Text: t.text, Candidates: near, Message: "unknown field " + t.field + "; " + hint})
	case t.value != "":
		q.Filters = append(q.Filters, Filter{t.field, t.value, t.negated})
	}
}

// candidates lists the fields similar to an unknown one, most similar first.
func candidates(field string) []string {
	var near []string
	for _, limit := range []int{1, 2} {
		for _, f := range Fields() {
			if !slices.Contains(near, f) && (isNear(field, f, limit) || strings.HasPrefix(f, field) || strings.HasPrefix(field, f)) {
				near = append(near, f)
			}
		}
	}
	sort.SliceStable(near, func(i, j int) bool { return core.EditDistance(field, near[i]) < core.EditDistance(field, near[j]) })
	return near
}
