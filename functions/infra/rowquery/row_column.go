package rowquery

import (
	"slices"
	"strconv"
	"strings"
)

// RowColumn names a column, or a place in the JSON that a column holds:
// data->items->0->>name.
//
// More in row_column.md:
//   - A name that has one of the characters ,.:()" or -> in it is written in
//     double quotes where it is not the whole parameter.
//   - Names are compared as they are: whether the database ignores case is for
//     its unit to say.
type RowColumn struct {
	Name string
	Path []RowColumnStep // from the column's JSON down; nil: the column itself
	Text bool            // the last arrow was ->>: text or a number, not JSON
}

// RowColumnStep is one step into JSON: a key, or an index.
type RowColumnStep struct {
	Key   string
	Index int  // from 0; negative counts from the end
	Array bool // Index counts, not Key
}

// String writes the column as RowColumnParse reads it.
func (c RowColumn) String() string {
	var b strings.Builder
	b.WriteString(quoteName(c.Name))
	for i, step := range c.Path {
		b.WriteString("->")
		if c.Text && i == len(c.Path)-1 {
			b.WriteByte('>')
		}
		if step.Array {
			b.WriteString(strconv.Itoa(step.Index))
			continue
		}
		if _, isIndex := indexOf(step.Key); isIndex {
			b.WriteString(quote(step.Key))
			continue
		}
		b.WriteString(quoteName(step.Key))
	}
	return b.String()
}

// reserved are the parameters of a table's URL that are no filters.
var reserved = []string{"select", "order", "limit", "offset", "cursor", "count", "facet", "format", "search"}

// param writes the column as a parameter's whole name: only what would be
// taken for something else there is quoted.
func (c RowColumn) param() string {
	name := c.Name
	switch {
	case len(c.Path) > 0 || name == "" || strings.Contains(name, "->") || strings.HasPrefix(name, `"`) || slices.Contains(logicNames, name):
		return c.String()
	case slices.Contains(reserved, name):
		return quote(name)
	}
	return name
}

// quoteName puts a name into quotes where RowColumnParse, or a list, would
// take a part of it for something else.
func quoteName(name string) string {
	if name == "" || strings.ContainsAny(name, `,.:()"`) || strings.Contains(name, "->") || strings.HasSuffix(name, "-") ||
		strings.HasPrefix(name, ">") || strings.TrimSpace(name) != name || slices.Contains(logicNames, name) {
		return quote(name)
	}
	return name
}

func quote(text string) string {
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(text) + `"`
}
