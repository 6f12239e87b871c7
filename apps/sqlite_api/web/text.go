package web

import (
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"fnregistry.dev/apps/sqlite_api/data"
	"fnregistry.dev/functions/infra/page"
	"fnregistry.dev/functions/infra/sqlite"
)

// errorText is data.Message as a sentence.
func errorText(err error) string {
	text := data.Message(err)
	first, size := utf8.DecodeRuneInString(text)
	return string(unicode.ToUpper(first)) + text[size:] + "."
}

func countText(c sqlite.SQLiteRowCountResult) string {
	switch {
	case !c.Known:
		return "many rows"
	case !c.Exact:
		return "about " + plural(c.Rows, "row")
	}
	return plural(c.Rows, "row")
}

func plural(n int64, one string) string {
	if n == 1 {
		return "1 " + one
	}
	return strconv.FormatInt(n, 10) + " " + one + "s"
}

// quiet is a text that is about a value, and not the value.
func quiet(text string) page.PageComponent {
	return page.PageHTML(func(w *page.PageWriter) { w.Element("em", text, "class", "quiet") })
}

// cellBytes is the longest text in a cell of a table.
const cellBytes = 300

// shown is a value as a person reads it. href is where all of it is; empty:
// nowhere.
func shown(value any, href string) any {
	switch v := value.(type) {
	case nil:
		return quiet("NULL")
	case int64:
		return strconv.FormatInt(v, 10)
	case float64:
		return strconv.FormatFloat(v, 'g', -1, 64)
	case string:
		return shownText(v, href)
	case []byte:
		return page.PageLink{Text: "blob, " + plural(int64(len(v)), "byte"), URL: href}
	case data.Clipped:
		return page.PageLink{Text: v.Kind + ", " + plural(v.Bytes, "byte"), URL: href}
	}
	return value
}

func shownText(text, href string) any {
	switch {
	case text == "":
		return quiet("empty text")
	case strings.TrimSpace(text) == "":
		return quiet("blanks: " + strconv.Quote(text))
	case len(text) > cellBytes && href != "":
		cut := cellBytes
		for !utf8.RuneStart(text[cut]) {
			cut--
		}
		return page.PageLink{Text: visible(text[:cut]) + "…", URL: href}
	}
	return visible(text)
}

// visible shows characters that turn the direction of text, and those without
// a picture, by their numbers.
func visible(text string) string {
	return strings.Map(func(r rune) rune {
		if r != '\n' && r != '\t' && (unicode.Is(unicode.Cc, r) || unicode.Is(unicode.Bidi_Control, r)) {
			return '\ufffd'
		}
		return r
	}, strings.ToValidUTF8(text, "\ufffd"))
}

func isNumber(value any) bool {
	switch value.(type) {
	case int64, float64:
		return true
	}
	return false
}
