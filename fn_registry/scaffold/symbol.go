package scaffold

import (
	"strconv"
	"strings"
	"unicode"

	"fnregistry.dev/fn_registry/spec"
)

// initialisms are the words that Go code writes in capitals: those that the Go
// wiki's code review comments and staticcheck's ST1003 name, and those of the
// protocols that came after them.
var initialisms = words("acl api ascii cli cpu css csv db dns eof fs fts guid gid html http https id io ip json jsonl jwt lru mcp md5 oidc os " +
	"pid qps ram rfc rpc sha sip sla smtp sql sse ssh sso tcp tls toml tsv ttl tty udp ui uid uri url utc utf8 uuid vm ws xml xmpp xsrf xss yaml")

func words(list string) map[string]bool {
	m := map[string]bool{}
	for w := range strings.FieldsSeq(list) {
		m[w] = true
	}
	return m
}

// symbol writes a unit's name as Go does. A word is spelt as the repository's
// own symbols spell it (duckdb_open is DuckDBOpen there, so duckdb_close
// becomes DuckDBClose), else as an initialism where it is one.
func (m *maker) symbol(name string) string {
	learnt := m.spellings()
	var b strings.Builder
	for word := range strings.SplitSeq(name, "_") {
		switch {
		case learnt[word] != "":
			b.WriteString(learnt[word])
		case initialisms[word]:
			b.WriteString(strings.ToUpper(word))
		default:
			b.WriteString(strings.ToUpper(word[:1]) + word[1:])
		}
	}
	return b.String()
}

// spellings reads off the registered units how each word of a name is spelt in
// its symbol; of several spellings the first unit's counts.
func (m *maker) spellings() map[string]string {
	learnt := map[string]string{}
	for _, u := range m.c.Units {
		if u.Code == nil {
			continue
		}
		rest := strings.ReplaceAll(u.Code.Symbol, ".", "")
		for word := range strings.SplitSeq(u.Spec.Name, "_") {
			if len(rest) < len(word) || !strings.EqualFold(rest[:len(word)], word) {
				break
			}
			if spelt := rest[:len(word)]; learnt[word] == "" && unicode.IsUpper(rune(spelt[0])) {
				learnt[word] = spelt
			}
			rest = rest[len(word):]
		}
	}
	return learnt
}

// SnakeCase turns a Go name into a unit's: HTTPServe into http_serve, ParseURLs
// into parse_urls. It returns "" for a name that no unit can have.
func SnakeCase(symbol string) string {
	var b strings.Builder
	runes := []rune(strings.NewReplacer("-", "_", ".", "_", " ", "_").Replace(symbol))
	for i, r := range runes {
		if r > unicode.MaxASCII || r != '_' && !unicode.IsLetter(r) && !unicode.IsDigit(r) {
			return ""
		}
		if i > 0 && unicode.IsUpper(r) && startsWord(runes, i) {
			b.WriteByte('_')
		}
		b.WriteRune(unicode.ToLower(r))
	}
	name := strings.Join(strings.FieldsFunc(b.String(), func(r rune) bool { return r == '_' }), "_")
	if !keyAllows("name", name) {
		return ""
	}
	return name
}

// startsWord reports whether the capital at i begins a word: after a small
// letter or a digit, or as the last capital of a run that goes on in small
// letters. A plural s ends a run and begins nothing: URLs.
func startsWord(runes []rune, i int) bool {
	if !unicode.IsUpper(runes[i-1]) {
		return true
	}
	if i+1 == len(runes) || !unicode.IsLower(runes[i+1]) {
		return false
	}
	plural := runes[i+1] == 's' && (i+2 == len(runes) || !unicode.IsLower(runes[i+2]))
	return !plural
}

// sentence begins a doc comment: "Makes a slug." becomes "SlugMake makes a
// slug."
func sentence(symbol, description string) string {
	first, rest, _ := strings.Cut(description, " ")
	if strings.EqualFold(first, symbol) {
		return symbol + " " + rest
	}
	if len(first) > 1 && unicode.IsUpper(rune(first[0])) && strings.ToLower(first[1:]) == first[1:] && strings.HasSuffix(first, "s") {
		return symbol + " " + strings.ToLower(first) + " " + rest
	}
	return symbol + ": " + description
}

func quote(s string) string { return strconv.Quote(s) }

// unitID is the ID that the draft's unit will have.
func (m *maker) unitID() string {
	s := spec.Spec{Name: m.draft.Name, Lang: spec.LangGo, Domain: m.draft.Domain}
	return s.ID()
}
