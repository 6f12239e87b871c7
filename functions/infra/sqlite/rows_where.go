package sqlite

import (
	"encoding/hex"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"fnregistry.dev/functions/infra/rowquery"
)

func (b *rowsBuilder) where() string {
	var parts []string
	if b.cfg.Key != nil {
		parts = append(parts, b.keyed(b.cfg.Key))
	}
	for _, f := range b.cfg.Filters {
		parts = append(parts, b.filter(f))
	}
	if b.cfg.Search != nil {
		parts = append(parts, b.search(*b.cfg.Search))
	}
	if b.cfg.Cursor != nil && b.err == nil {
		parts = append(parts, b.after(*b.cfg.Cursor))
	}
	return strings.Join(parts, " AND ")
}

// keyed is the condition that a row has this key.
func (b *rowsBuilder) keyed(values []any) string {
	key := b.cfg.Table.Key
	if key == nil {
		key = b.uniqueKey()
	}
	switch {
	case key == nil:
		b.fail(fmt.Sprintf("%q has no key to know a row by", b.cfg.Table.Name), "")
	case len(values) != len(key):
		b.fail(fmt.Sprintf("wrong number of values in the key: %d, want %d", len(values), len(key)), "the key is "+strings.Join(key, ", "))
	}
	if b.err != nil {
		return ""
	}
	parts := make([]string, len(key))
	for i, name := range key {
		parts[i] = b.keyExpression(name) + " IS " + b.arg(values[i])
	}
	return strings.Join(parts, " AND ")
}

// keyExpression is the SQL of a column of the key, which may be the rowid.
func (b *rowsBuilder) keyExpression(name string) string {
	return b.sortExpression(rowquery.RowColumn{Name: name})
}

// after is the condition that a row comes after the cursor's place, in the
// direction of the page: it is equal in the first n columns of the order and
// further on in the next one.
func (b *rowsBuilder) after(c rowquery.RowCursor) string {
	if b.uniqueKey() == nil || len(c.Values) != len(b.result.Sort) || c.Of != b.result.Of {
		b.fail("the cursor is of another table or order", "take the cursor from the page before, and keep the order")
		return ""
	}
	args := make([]string, len(c.Values))
	for i, v := range c.Values {
		args[i] = b.arg(v)
	}
	var either []string
	equal := ""
	for i, o := range b.result.Sort {
		sql := b.sortExpression(o.Column)
		if further := b.furtherOn(sql, args[i], c.Values[i] == nil, o); further != "" {
			either = append(either, equal+further)
		}
		equal += sql + " IS " + args[i] + " AND "
	}
	switch len(either) {
	case 0:
		return "0"
	case 1:
		return "(" + either[0] + ")"
	}
	// SQLite finds no range in an OR: the first column alone bounds the search,
	// unless NULL comes further on.
	bound := ""
	if c.Values[0] != nil && !b.nullsFurtherOn(b.result.Sort[0]) {
		bound = b.sortExpression(b.result.Sort[0].Column) + comparison(b.result.Sort[0].Desc != b.result.Reverse) + "= " + args[0] + " AND "
	}
	return "(" + bound + "(" + strings.Join(either, " OR ") + "))"
}

// furtherOn is the condition that a column comes after a value, in the
// direction of the page; "": nothing does.
func (b *rowsBuilder) furtherOn(sql, arg string, isNull bool, o rowquery.RowOrder) string {
	switch {
	case isNull && b.nullsFurtherOn(o):
		return ""
	case isNull:
		return sql + " IS NOT NULL"
	case b.nullsFurtherOn(o):
		return "(" + sql + comparison(o.Desc != b.result.Reverse) + " " + arg + " OR " + sql + " IS NULL)"
	}
	return sql + comparison(o.Desc != b.result.Reverse) + " " + arg
}

func comparison(desc bool) string {
	if desc {
		return " <"
	}
	return " >"
}

// nullsFurtherOn reports whether rows with NULL come after those with values,
// in the direction of the page.
func (b *rowsBuilder) nullsFurtherOn(o rowquery.RowOrder) bool {
	return nullsFirst(o) == b.result.Reverse && !b.notNull(o.Column)
}

// notNull reports whether a column can't be NULL.
func (b *rowsBuilder) notNull(c rowquery.RowColumn) bool {
	if len(c.Path) > 0 {
		return false
	}
	t := b.cfg.Table
	if slices.Contains([]string{t.RowID, t.RowIDColumn}, c.Name) || t.WithoutRowID && slices.Contains(t.Key, c.Name) {
		return true
	}
	return b.column(c.Name).NotNull
}

// filter is the SQL of a filter, in brackets where it needs them.
func (b *rowsBuilder) filter(f rowquery.RowFilter) string {
	sql := ""
	switch f.Logic {
	case rowquery.RowCompare:
		sql = b.compare(f)
	default:
		parts := make([]string, len(f.Terms))
		for i, term := range f.Terms {
			parts[i] = b.filter(term)
		}
		sql = "(" + strings.Join(parts, map[rowquery.RowLogic]string{rowquery.RowAnd: " AND ", rowquery.RowOr: " OR "}[f.Logic]) + ")"
	}
	if f.Not {
		return "NOT " + sql
	}
	return sql
}

var sqlOperators = map[rowquery.RowOperator]string{
	rowquery.RowGreater: ">", rowquery.RowGreaterEqual: ">=", rowquery.RowLess: "<", rowquery.RowLessEqual: "<=",
}

func (b *rowsBuilder) compare(f rowquery.RowFilter) string {
	if f.Operator == rowquery.RowMatch {
		return b.match(f)
	}
	sql, affinity := b.expression(f.Column)
	switch f.Operator {
	case rowquery.RowIs:
		return "(" + sql + " IS " + map[string]string{"null": "NULL", "not_null": "NOT NULL", "true": "TRUE", "false": "FALSE"}[f.Value] + ")"
	case rowquery.RowEqual:
		return b.oneOf(sql, affinity, []string{f.Value})
	case rowquery.RowNotEqual:
		return "(NOT " + b.oneOf(sql, affinity, []string{f.Value}) + ")"
	case rowquery.RowIn:
		return b.oneOf(sql, affinity, f.Values)
	case rowquery.RowLike:
		return "(" + sql + " GLOB " + b.arg(globPattern(f.Value)) + ")"
	case rowquery.RowILike:
		return "(" + sql + " LIKE " + b.arg(likePattern(f.Value)) + ` ESCAPE '\')`
	}
	operator, ok := sqlOperators[f.Operator]
	if !ok {
		b.fail(fmt.Sprintf("unknown operator %q", f.Operator), "")
	}
	values := typedValues(f.Value, affinity)
	return "(" + sql + " " + operator + " " + b.arg(values[0]) + ")"
}

// oneOf compares with each value; where a column has no affinity that says
// what its type is, with each that the text can be.
func (b *rowsBuilder) oneOf(sql, affinity string, values []string) string {
	var args []string
	for _, value := range values {
		for _, typed := range typedValues(value, affinity) {
			args = append(args, b.arg(typed))
		}
	}
	return "(" + sql + " IN (" + strings.Join(args, ", ") + "))"
}

// typedValues are what a text can mean in a column, the likeliest first. Where
// the column has an affinity, SQLite converts the text by it.
func typedValues(text, affinity string) []any {
	if affinity != "BLOB" {
		return []any{text}
	}
	if digits, ok := strings.CutPrefix(text, `\x`); ok {
		if blob, err := hex.DecodeString(digits); err == nil {
			return []any{blob}
		}
	}
	if n, err := strconv.ParseInt(text, 10, 64); err == nil {
		return []any{n, text}
	}
	if isDecimal(text) {
		if f, err := strconv.ParseFloat(text, 64); err == nil {
			return []any{f, text}
		}
	}
	return []any{text}
}

// isDecimal reports whether a text has only what decimal numbers have: neither
// hexadecimal ones nor Inf.
func isDecimal(text string) bool { return text != "" && strings.Trim(text, "0123456789+-.eE") == "" }

// globPattern writes a pattern for GLOB, which minds the case of letters.
func globPattern(pattern string) string {
	var glob strings.Builder
	eachOfPattern(pattern, func(c rune, literal bool) {
		switch {
		case !literal && (c == '*' || c == '%'):
			glob.WriteByte('*')
		case !literal && c == '_':
			glob.WriteByte('?')
		case c == '*' || c == '?' || c == '[':
			glob.WriteString("[" + string(c) + "]")
		default:
			glob.WriteRune(c)
		}
	})
	return glob.String()
}

// likePattern writes a pattern for LIKE ... ESCAPE '\'.
func likePattern(pattern string) string {
	var like strings.Builder
	eachOfPattern(pattern, func(c rune, literal bool) {
		switch {
		case !literal && (c == '*' || c == '%'):
			like.WriteByte('%')
		case !literal && c == '_':
			like.WriteByte('_')
		case c == '%' || c == '_' || c == '\\':
			like.WriteString(`\` + string(c))
		default:
			like.WriteRune(c)
		}
	})
	return like.String()
}

// eachOfPattern calls do with each character; one after a \ is literal.
func eachOfPattern(pattern string, do func(c rune, literal bool)) {
	literal := false
	for _, c := range pattern {
		if c == '\\' && !literal {
			literal = true
			continue
		}
		do(c, literal)
		literal = false
	}
	if literal {
		do('\\', true)
	}
}

// match is a full-text filter on one column, or the whole, of a full-text
// table.
func (b *rowsBuilder) match(f rowquery.RowFilter) string {
	t := b.cfg.Table
	if !strings.HasPrefix(t.Module, "fts") || len(f.Column.Path) > 0 {
		b.fail(fmt.Sprintf("%q is no full-text table", t.Name), "fts is for tables of the modules fts3, fts4 and fts5; like and ilike are for all")
		return ""
	}
	name := t.Name
	if f.Column.Name != t.Name {
		name = b.column(f.Column.Name).Name
	}
	return "(" + quoteIdent(name) + " MATCH " + b.arg(matchWords(t.Module, f.Value)) + ")"
}

// search is the condition that a row is found by a full-text table.
func (b *rowsBuilder) search(s SQLiteRowsQuerySearch) string {
	hidden := slices.ContainsFunc(s.Table.Columns, func(c SQLiteSchemaColumn) bool { return !c.Hidden && !b.allows(c.Name) })
	if !strings.HasPrefix(s.Table.Module, "fts") || b.cfg.Table.RowID == "" || hidden {
		b.fail(fmt.Sprintf("%q can't be searched by %q", b.cfg.Table.Name, s.Table.Name), "")
		return ""
	}
	fts := quoteIdent(s.Table.Name)
	return quoteIdent(b.cfg.Table.RowID) + " IN (SELECT rowid FROM " + fts + " WHERE " + fts + " MATCH " + b.arg(matchWords(s.Table.Module, s.Text)) + ")"
}

// matchWords writes words so that MATCH takes each literally. FTS3 and FTS4
// have no way to write a quote, or a star that is no wildcard, within a quoted
// word: both separate words there, as they do for the tokenizers.
func matchWords(module, text string) string {
	words := strings.Fields(text)
	for i, word := range words {
		if module == "fts5" {
			word = strings.ReplaceAll(word, `"`, `""`)
		} else {
			word = strings.NewReplacer(`"`, " ", "*", " ").Replace(word)
		}
		words[i] = `"` + word + `"`
	}
	if len(words) == 0 {
		return `""`
	}
	return strings.Join(words, " ")
}
