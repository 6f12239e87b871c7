package sqlite

import (
	"cmp"
	"encoding/hex"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"fnregistry.dev/functions/core"
	"fnregistry.dev/functions/infra/rowquery"
)

const rowsOp = "sqlite_rows_query"

// SQLiteRowsQueryConfig says which rows of a table [SQLiteRowsQuery] reads.
type SQLiteRowsQueryConfig struct {
	Table   SQLiteSchemaTable        // required
	Select  []rowquery.RowSelect     // nil: all columns that are not hidden
	Filters []rowquery.RowFilter     // all of them hold
	Key     []any                    // the values of the table's Key, or its rowid if it has none, for that row alone; nil: all rows
	Order   []rowquery.RowOrder      // the key is added to it, so that it is total
	Search  *SQLiteRowsQuerySearch   // nil: no full-text search
	Cursor  *rowquery.RowCursor      // where the page starts; nil: at the first row
	NoExtra bool                     // leave out what a cursor for another page is made of
	Limit   int                      // rows at most; 0: all
	Offset  int                      // rows passed over; for tables without a key, whose pages have no cursor
	Clip    *SQLiteRowsQueryClip     // what becomes of long values; nil: all come whole
	Allow   func(column string) bool // which columns may be read, filtered and sorted by; nil: all
}

// SQLiteRowsQuerySearch keeps the rows that a full-text table finds by their
// rowid.
type SQLiteRowsQuerySearch struct {
	Table SQLiteSchemaTable // with module fts3, fts4 or fts5; it may be the table itself
	Text  string            // words, taken literally; all of them must be there
}

// SQLiteRowsQueryResult is a query.
type SQLiteRowsQueryResult struct {
	SQL     string
	Args    []any
	Columns []string            // what each column of a row is called
	Types   []string            // their declared types; "" for a place in JSON
	Sources []string            // the table's columns that they show; "" for a place in JSON
	Sort    []rowquery.RowOrder // the order, with the key
	Places  []int               // where a row has the values of Sort, for the cursor; nil: the table has no key, or NoExtra is set
	Extra   int                 // columns behind Columns, which only Places needs
	Reverse bool                // rows come last one first: turn the page round
	Of      string              // for cursors, see [rowquery.RowCursor]

	shown string // the query as Text returns it, with parameters
}

// Text is the query for people to read and to run elsewhere: with its values as
// literals, and without what is for keys, cursors and drivers alone.
func (r SQLiteRowsQueryResult) Text() string {
	var text strings.Builder
	for at := 0; at < len(r.shown); {
		token := nextToken(r.shown, at)
		part := r.shown[at:token.end]
		at = token.end
		if digits, ok := strings.CutPrefix(part, "?"); ok {
			if n, err := strconv.Atoi(digits); err == nil && 0 < n && n <= len(r.Args) {
				part = literal(r.Args[n-1])
			}
		}
		text.WriteString(part)
	}
	return text.String()
}

// literal writes a value as SQL.
func literal(value any) string {
	switch v := value.(type) {
	case int64:
		return strconv.FormatInt(v, 10)
	case float64:
		return strconv.FormatFloat(v, 'g', -1, 64)
	case string:
		return "'" + strings.ReplaceAll(v, "'", "''") + "'"
	case []byte:
		return "x'" + hex.EncodeToString(v) + "'"
	}
	return "NULL"
}

// SQLiteRowsQueryClip keeps long values out of a result.
type SQLiteRowsQueryClip struct {
	Bytes int    // the longest text or blob that comes whole
	Mark  string // begins the texts that stand for longer ones: random, so that no value passes for one; required
}

// Clipped reports whether a value of a row stands for a longer one, what that
// one is, text or blob, and how many bytes it has.
func (c *SQLiteRowsQueryClip) Clipped(value any) (kind string, bytes int64, ok bool) {
	text, isText := value.(string)
	if c == nil || !isText {
		return "", 0, false
	}
	rest, ok := strings.CutPrefix(text, c.Mark)
	if !ok || !strings.HasPrefix(rest, " ") {
		return "", 0, false
	}
	kind, digits, _ := strings.Cut(rest[1:], " ")
	bytes, err := strconv.ParseInt(digits, 10, 64)
	return kind, bytes, err == nil
}

// SQLiteRowsQuery writes the SELECT for a page of a table's rows. Everything
// that comes from outside is either the name of a column that the table has,
// and quoted, or a parameter.
//
// Values are compared as the column's affinity says: age=eq.18 finds the
// integer 18 in an INTEGER column and the text in a TEXT column; in a column
// without affinity it finds both. A BLOB is written as \x and hexadecimal
// digits. like minds the case of letters, ilike does not for those of ASCII.
//
// Pages by cursor are right while rows come and go, for any order: NULL and
// values of mixed types have their place as SQLite sorts them.
//
// Errors: CodeInvalid, with the columns that are close as Hint, for a column
// that the table does not have or Allow refuses, a cursor that doesn't fit, and
// what SQLite can't do.
//
// More in sqlite_rows_query.md:
//   - A table without rowid or key, and a view, has no cursor (Places is nil):
//     use Offset.
//   - Text compares as the affinity of the column says.
func SQLiteRowsQuery(cfg SQLiteRowsQueryConfig) (SQLiteRowsQueryResult, error) {
	b := rowsBuilder{cfg: cfg}
	b.selected()
	b.sort()
	where := b.where()
	if b.err != nil {
		return SQLiteRowsQueryResult{}, b.err
	}
	var rest strings.Builder
	rest.WriteString(" FROM " + quoteIdent(cfg.Table.Name))
	if where != "" {
		rest.WriteString(" WHERE " + where)
	}
	if len(b.order) > 0 {
		rest.WriteString(" ORDER BY " + strings.Join(b.order, ", "))
	}
	if cfg.Limit > 0 || cfg.Offset > 0 {
		rest.WriteString(" LIMIT " + strconv.Itoa(cmp.Or(max(cfg.Limit, 0), -1)))
	}
	if cfg.Offset > 0 {
		rest.WriteString(" OFFSET " + strconv.Itoa(cfg.Offset))
	}
	b.result.SQL, b.result.Args = "SELECT "+strings.Join(b.columns, ", ")+rest.String(), b.args
	b.result.shown = "SELECT " + strings.Join(b.shown, ", ") + rest.String()
	return b.result, nil
}

// rowsBuilder collects the parts of a query. After the first error its methods
// do nothing that matters.
type rowsBuilder struct {
	cfg     SQLiteRowsQueryConfig
	columns []string
	shown   []string // the columns as Text has them
	order   []string
	args    []any
	result  SQLiteRowsQueryResult
	err     error

	readable []SQLiteSchemaColumn // see allowed
	byName   map[string]int       // where a column is in readable; nil: not yet made
}

func (b *rowsBuilder) fail(message, hint string) {
	if b.err == nil {
		b.err = &core.Error{Code: core.CodeInvalid, Op: rowsOp, Message: message, Hint: hint}
	}
}

func (b *rowsBuilder) arg(v any) string {
	b.args = append(b.args, v)
	return "?" + strconv.Itoa(len(b.args))
}

// allowed are the columns that may be read. They are found once: a table may
// have thousands.
func (b *rowsBuilder) allowed() []SQLiteSchemaColumn {
	if b.byName == nil {
		b.byName = map[string]int{}
		b.readable = slices.DeleteFunc(slices.Clone(b.cfg.Table.Columns), func(c SQLiteSchemaColumn) bool { return !b.allows(c.Name) })
		for i, c := range b.readable {
			b.byName[c.Name] = i
		}
	}
	return b.readable
}

func (b *rowsBuilder) allows(column string) bool { return b.cfg.Allow == nil || b.cfg.Allow(column) }

// column finds a column by its name, exactly or else as SQLite compares names.
// Whether it is missing or refused can't be told from the error.
func (b *rowsBuilder) column(name string) SQLiteSchemaColumn {
	allowed := b.allowed()
	if i, ok := b.byName[name]; ok {
		return allowed[i]
	}
	i := slices.IndexFunc(allowed, func(c SQLiteSchemaColumn) bool { return lowerASCII(c.Name) == lowerASCII(name) })
	if i >= 0 {
		return allowed[i]
	}
	names := make([]string, len(allowed))
	for i, c := range allowed {
		names[i] = c.Name
	}
	hint := core.DidYouMean(core.NameNearest(name, names)...)
	if hint == "" && len(names) > 0 && len(names) <= 20 {
		hint = "the columns are " + strings.Join(names, ", ")
	}
	b.fail(fmt.Sprintf("no column %q in %q", clipName(name), b.cfg.Table.Name), hint)
	return SQLiteSchemaColumn{}
}

// expression is the SQL of a column or a place in its JSON, and its affinity.
func (b *rowsBuilder) expression(c rowquery.RowColumn) (sql, affinity string) {
	column := b.column(c.Name)
	sql = quoteIdent(column.Name)
	for i, step := range c.Path {
		arrow := "->"
		if c.Text && i == len(c.Path)-1 {
			arrow = "->>"
		}
		// A key is a JSON path of its own, since -> takes a text that looks
		// like a path for one.
		if step.Array {
			sql += " " + arrow + " " + strconv.Itoa(step.Index)
		} else {
			sql += " " + arrow + " " + b.arg(jsonKey(step.Key))
		}
	}
	if len(c.Path) > 0 { // 6: JSON5 or JSONB; what is no JSON has no place in it
		return "CASE WHEN json_valid(" + quoteIdent(column.Name) + ", 6) THEN " + sql + " END", "BLOB"
	}
	return sql, column.Affinity
}

// jsonKey is the path of a key of the outermost object.
func jsonKey(key string) string {
	return `$."` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(key) + `"`
}

func (b *rowsBuilder) selected() {
	selected := b.cfg.Select
	if selected == nil {
		selected = []rowquery.RowSelect{{All: true}}
	}
	for _, s := range selected {
		if !s.All {
			b.selectOne(s)
			continue
		}
		for _, c := range b.allowed() {
			if !c.Hidden {
				b.selectOne(rowquery.RowSelect{Column: rowquery.RowColumn{Name: c.Name}})
			}
		}
	}
	if len(b.columns) == 0 {
		b.fail("no column to read", "")
	}
}

func (b *rowsBuilder) selectOne(s rowquery.RowSelect) {
	sql, affinity := b.expression(s.Column)
	isRowID := s.Column.Name == b.cfg.Table.RowIDColumn && s.Column.Name != ""
	declared, source := "", ""
	if len(s.Column.Path) == 0 {
		column := b.column(s.Column.Name)
		declared, source = column.Type, column.Name
	}
	name := cmp.Or(s.Alias, s.Column.Name)
	if n := len(s.Column.Path); n > 0 && s.Alias == "" && !s.Column.Path[n-1].Array {
		name = s.Column.Path[n-1].Key
	}
	// The + changes no value, but keeps drivers from reading a declared type
	// into it: mattn's makes a DATETIME that is no time the year 1.
	if sql == quoteIdent(name) {
		b.shown = append(b.shown, sql)
	} else {
		b.shown = append(b.shown, sql+" AS "+quoteIdent(name))
	}
	value := "+" + sql
	if b.cfg.Clip != nil && len(s.Column.Path) == 0 && !isRowID {
		value = b.clipped(sql, affinity)
	}
	b.columns = append(b.columns, value+" AS "+quoteIdent(name))
	b.result.Types, b.result.Sources = append(b.result.Types, declared), append(b.result.Sources, source)
	b.result.Columns = append(b.result.Columns, name)
}

// clipped is the SQL of a column's value, or of the mark and what it stands for
// if that is long.
func (b *rowsBuilder) clipped(sql, affinity string) string {
	long := "octet_length(" + sql + ") > " + strconv.Itoa(b.cfg.Clip.Bytes) // it reads the row's head alone
	if affinity != "TEXT" && affinity != "BLOB" {
		// A number is less than any text; octet_length would write its digits.
		long = sql + " >= '' COLLATE BINARY AND " + long
	}
	return "CASE WHEN " + long + " THEN " + b.arg(b.cfg.Clip.Mark+" ") +
		" || typeof(" + sql + ") || ' ' || octet_length(" + sql + ") ELSE +" + sql + " END"
}

// sort writes the order: the columns asked for, then the key, if the table has
// one that is unique.
func (b *rowsBuilder) sort() {
	sort := slices.Clone(b.cfg.Order)
	key := b.uniqueKey()
	for _, name := range key {
		if !slices.ContainsFunc(sort, func(o rowquery.RowOrder) bool {
			return len(o.Column.Path) == 0 && lowerASCII(o.Column.Name) == lowerASCII(name)
		}) {
			sort = append(sort, rowquery.RowOrder{Column: rowquery.RowColumn{Name: name}})
		}
	}
	b.result.Reverse = b.cfg.Cursor != nil && b.cfg.Cursor.Before
	for _, o := range sort {
		sql := b.sortExpression(o.Column)
		if key != nil && !b.cfg.NoExtra {
			b.place(o.Column, sql)
		}
		// In ORDER BY a bare name is first of all an alias in the result: that
		// may be another column, and even if not, its + rules out an index.
		if len(o.Column.Path) == 0 {
			sql = quoteIdent(b.cfg.Table.Name) + "." + sql
		}
		b.order = append(b.order, sql+direction(o, b.result.Reverse))
	}
	b.result.Sort = sort
	texts := make([]string, len(sort))
	for i, o := range sort {
		texts[i] = o.String()
	}
	b.result.Of = b.cfg.Table.Name + " " + strings.Join(texts, ",")
}

// place notes where rows have a value of the sort: among the columns that are
// asked for, if it comes whole there, else behind them.
func (b *rowsBuilder) place(c rowquery.RowColumn, sql string) {
	i := slices.Index(b.result.Sources, c.Name)
	if len(c.Path) > 0 || i < 0 || b.cfg.Clip != nil && c.Name != b.cfg.Table.RowIDColumn {
		i = len(b.result.Columns) + b.result.Extra
		b.columns = append(b.columns, "+"+sql)
		b.result.Extra++
	}
	b.result.Places = append(b.result.Places, i)
}

// sortExpression is expression, but the key may be the rowid, which is no
// column.
func (b *rowsBuilder) sortExpression(c rowquery.RowColumn) string {
	if len(c.Path) == 0 && slices.Equal(b.uniqueKey(), []string{c.Name}) {
		return quoteIdent(c.Name)
	}
	sql, _ := b.expression(c)
	return sql
}

// uniqueKey is what tells each row from all others, and may be read: the rowid,
// else the primary key of a table without one, which SQLite holds to be NOT
// NULL; else nil.
func (b *rowsBuilder) uniqueKey() []string {
	t := b.cfg.Table
	switch {
	case t.RowIDColumn != "" && b.allows(t.RowIDColumn):
		return []string{t.RowIDColumn}
	case t.RowIDColumn == "" && t.RowID != "":
		return []string{t.RowID}
	case t.WithoutRowID && !slices.ContainsFunc(t.Key, func(name string) bool { return !b.allows(name) }):
		return t.Key
	}
	return nil
}

func direction(o rowquery.RowOrder, reverse bool) string {
	desc, nullsFirst := o.Desc, nullsFirst(o)
	if reverse {
		desc, nullsFirst = !desc, !nullsFirst
	}
	sql := ""
	if desc {
		sql = " DESC"
	}
	if nullsFirst == desc { // not as SQLite has it
		sql += map[bool]string{true: " NULLS FIRST", false: " NULLS LAST"}[nullsFirst]
	}
	return sql
}

// nullsFirst reports where NULL comes; SQLite takes it for the smallest value.
func nullsFirst(o rowquery.RowOrder) bool {
	if o.Nulls == rowquery.RowNullsDefault {
		return !o.Desc
	}
	return o.Nulls == rowquery.RowNullsFirst
}

// quoteIdent quotes a name: in double quotes anything but NUL is a name.
func quoteIdent(name string) string { return `"` + strings.ReplaceAll(name, `"`, `""`) + `"` }

func clipName(name string) string {
	if runes := []rune(name); len(runes) > 64 {
		return string(runes[:64]) + "…"
	}
	return name
}
