package rowquery

import (
	"strings"

	"fnregistry.dev/functions/core"
)

// RowOrderParse reads an order: columns, each with .asc or .desc and then
// .nullsfirst or .nullslast if need be, as in age.desc.nullslast,name. "" is no
// order, nil.
//
// Errors: CodeInvalid.
//
// More in row_order_parse.md:
//   - The columns need not exist, and may be there twice.
//   - A name with a dot stands in double quotes: "a.b".desc.
func RowOrderParse(text string) ([]RowOrder, error) {
	return parseList("row_order_parse", text, (*parser).order)
}

func (p *parser) order() RowOrder {
	o := RowOrder{Column: p.column(".,()")}
	directed := false
	for p.take(".") {
		start := p.at
		switch word := p.word(); {
		case !directed && o.Nulls == "" && (word == "asc" || word == "desc"):
			o.Desc, directed = word == "desc", true
		case o.Nulls == "" && (word == string(RowNullsFirst) || word == string(RowNullsLast)):
			o.Nulls = RowNulls(word)
		default:
			known := []string{"asc", "desc", string(RowNullsFirst), string(RowNullsLast)}
			hint := core.DidYouMean(core.NameNearest(word, known)...)
			if hint == "" {
				hint = "write " + strings.Join(known, ", ") + "; a name with a dot stands in double quotes"
			}
			p.failAt(start, "unknown or repeated direction", hint)
		}
	}
	return o
}
