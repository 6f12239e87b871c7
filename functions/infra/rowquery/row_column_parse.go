package rowquery

import (
	"strconv"
	"strings"
)

// maxSteps bounds the steps of one path.
const maxSteps = 20

// RowColumnParse reads a column as a query names it: the name alone, or in
// double quotes ("a.b"; \" and \\ stand for themselves), then -> or ->> and the
// key or index of each step. Only the last arrow can be ->>.
//
// Errors: CodeInvalid.
//
// More in row_column_parse.md:
//   - A key of digits, data->0, is an index, also for an object: write
//     data->"0" for the key.
//   - At most 20 steps.
func RowColumnParse(text string) (RowColumn, error) {
	p := newParser("row_column_parse", text)
	column := p.column("")
	p.end()
	if p.err != nil {
		return RowColumn{}, p.err
	}
	return column, nil
}

// column reads a name and its path, up to one of the bytes in stop or the end.
func (p *parser) column(stop string) RowColumn {
	c := RowColumn{Name: p.name(stop)}
	for p.err == nil && p.take("->") {
		if c.Text {
			p.fail("->> can only be the last arrow", "")
			break
		}
		c.Text = p.take(">")
		quoted := p.rest() != "" && p.rest()[0] == '"'
		key := p.name(stop)
		step := RowColumnStep{Key: key}
		if index, ok := indexOf(key); ok && !quoted {
			step = RowColumnStep{Index: index, Array: true}
		}
		c.Path = append(c.Path, step)
		if len(c.Path) > maxSteps {
			p.fail("a path has at most "+strconv.Itoa(maxSteps)+" steps", "")
		}
	}
	return c
}

// name reads a name in quotes, or up to an arrow or one of the bytes in stop.
func (p *parser) name(stop string) string {
	if strings.HasPrefix(p.rest(), `"`) {
		return p.quoted()
	}
	rest := p.rest()
	end := len(rest)
	if i := strings.IndexAny(rest, stop); stop != "" && i >= 0 {
		end = i
	}
	if i := strings.Index(rest[:end], "->"); i >= 0 {
		end = i
	}
	if end == 0 {
		p.fail("a name is missing", "")
		return ""
	}
	p.at += end
	return rest[:end]
}

// indexOf is a key that is written as an array's index.
func indexOf(key string) (int, bool) {
	n, err := strconv.Atoi(key)
	return n, err == nil && strconv.Itoa(n) == key && -1_000_000 < n && n < 1_000_000
}
