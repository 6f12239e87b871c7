package rowquery_test

import (
	"fmt"
	"reflect"
	"strings"
	"testing"

	"fnregistry.dev/functions/core"
	"fnregistry.dev/functions/infra/rowquery"
)

func TestRowFilterParse_Filters(t *testing.T) {
	t.Parallel()
	column := func(name string) rowquery.RowColumn { return rowquery.RowColumn{Name: name} }
	compare := func(name string, op rowquery.RowOperator, value string) rowquery.RowFilter {
		return rowquery.RowFilter{Column: column(name), Operator: op, Value: value}
	}
	not := func(f rowquery.RowFilter) rowquery.RowFilter { f.Not = true; return f }
	list := func(logic rowquery.RowLogic, terms ...rowquery.RowFilter) rowquery.RowFilter {
		return rowquery.RowFilter{Logic: logic, Terms: terms}
	}
	for _, c := range []struct {
		name, value string
		want        rowquery.RowFilter
	}{
		{"age", "gte.18", compare("age", rowquery.RowGreaterEqual, "18")},
		{"age", "not.lt.18", not(compare("age", rowquery.RowLess, "18"))},
		{"name", "ilike.*an*", compare("name", rowquery.RowILike, "*an*")},
		{"name", `eq."x",(y).z`, compare("name", rowquery.RowEqual, `"x",(y).z`)}, // a parameter's value ends where it ends
		{"name", "eq.", compare("name", rowquery.RowEqual, "")},
		{"a.b", "eq.1", compare("a.b", rowquery.RowEqual, "1")},
		{`"or"`, "eq.1", compare("or", rowquery.RowEqual, "1")},
		{`"limit"`, "eq.1", compare("limit", rowquery.RowEqual, "1")},
		{"x]y", "eq.1", compare("x]y", rowquery.RowEqual, "1")},
		{"Ünïcode name", "is.null", compare("Ünïcode name", rowquery.RowIs, "null")},
		{"note", "fts.don't", compare("note", rowquery.RowMatch, "don't")},
		{"id", `in.(1,2,"a,b","say ""","")`, rowquery.RowFilter{}},
		{"id", `in.(1,2,"a,b","\"\\",)`, rowquery.RowFilter{Column: column("id"), Operator: rowquery.RowIn, Values: []string{"1", "2", "a,b", `"\`, ""}}},
		{"id", `not.in.()`, rowquery.RowFilter{Not: true, Column: column("id"), Operator: rowquery.RowIn, Values: []string{}}},
		{"data->items->-1->>name", "eq.x", rowquery.RowFilter{Operator: rowquery.RowEqual, Value: "x", Column: rowquery.RowColumn{
			Name: "data", Text: true,
			Path: []rowquery.RowColumnStep{{Key: "items"}, {Index: -1, Array: true}, {Key: "name"}},
		}}},
		{`data->"0"`, "is.not_null", rowquery.RowFilter{Operator: rowquery.RowIs, Value: "not_null", Column: rowquery.RowColumn{
			Name: "data", Path: []rowquery.RowColumnStep{{Key: "0"}},
		}}},
		{"or", "(age.lt.18,age.not.lte.65)", list(rowquery.RowOr, compare("age", rowquery.RowLess, "18"), not(compare("age", rowquery.RowLessEqual, "65")))},
		{"not.and", `(a.eq."1,2",or(b.is.null,"c.d".in.(1,2)))`, not(list(rowquery.RowAnd,
			compare("a", rowquery.RowEqual, "1,2"),
			list(rowquery.RowOr, compare("b", rowquery.RowIs, "null"),
				rowquery.RowFilter{Column: column("c.d"), Operator: rowquery.RowIn, Values: []string{"1", "2"}})))},
	} {
		got, err := rowquery.RowFilterParse(c.name, c.value)
		if c.want.Column.Name == "" && c.want.Logic == "" { // wanted: an error
			if core.ErrorCode(err) != core.CodeInvalid {
				t.Errorf("%s=%s: %+v, error %v", c.name, c.value, got, err)
			}
			continue
		}
		if err != nil || !reflect.DeepEqual(got, c.want) {
			t.Errorf("%s=%s:\n got %+v\nwant %+v, error %v", c.name, c.value, got, c.want, err)
		}
	}
}

func TestRowFilterParse_Refused(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ name, value, want string }{
		{"age", "18", "unknown operator"},
		{"age", "get.18", "did you mean gt or gte?"},
		{"age", "eq", ". is missing"},
		{"age", "is.nul", "is.nul: unknown value"},
		{"age", "in.1,2", "( is missing"},
		{"age", "in.(1,2", ") is missing"},
		{"age", `in.("1`, `closing " is missing`},
		{"age", "in.(1)x", "unexpected text"},
		{"or", "age.lt.18", "( is missing"},
		{"or", "()", "a name is missing"},
		{"or", "(a.eq.1", ") is missing"},
		{"or", "(a.eq.1)b", "unexpected text"},
		{"", "eq.1", "a name is missing"},
		{"a->", "eq.1", "a name is missing"},
		{"a->>b->c", "eq.1", "->> can only be the last arrow"},
		{"a", "eq.\x00", "NUL"},
		{"a", "eq.\xff", "UTF-8"},
		{"a", "eq." + strings.Repeat("x", 100_000), "too long"},
		{"or", "(" + strings.Repeat("or(", 10) + "a.eq.1" + strings.Repeat(")", 11), "more than 10 levels"},
		{"or", "(" + strings.Repeat("a.eq.1,", 200) + "a.eq.1)", "more than 200 comparisons"},
		{"a", "in.(" + strings.Repeat("1,", 1000) + "1)", "more than 1000 values"},
		{strings.Repeat("a->", 21) + "b", "eq.1", "at most 20 steps"},
	} {
		got, err := rowquery.RowFilterParse(c.name, c.value)
		text := fmt.Sprint(err)
		if core.ErrorCode(err) != core.CodeInvalid || !strings.Contains(text+core.ErrorHint(err), c.want) || !reflect.DeepEqual(got, rowquery.RowFilter{}) {
			t.Errorf("%.60s=%.60s: %+v, error %s (%s), want %q", c.name, c.value, got, text, core.ErrorHint(err), c.want)
		}
		if len(text) > 400 {
			t.Errorf("%.60s: an error of %d bytes", c.name, len(text))
		}
	}
}

func FuzzRowFilterParse(f *testing.F) {
	for _, c := range [][2]string{
		{"age", "not.gte.18"},
		{`"a\"b"->"0"->>c`, `in.("a,b",c)`},
		{"not.or", `(a.eq."1)",and(b.is.null,c->>d.not.in.(1,2)))`},
	} {
		f.Add(c[0], c[1])
	}
	f.Fuzz(func(t *testing.T, name, value string) {
		filter, err := rowquery.RowFilterParse(name, value)
		if err != nil {
			if core.ErrorCode(err) != core.CodeInvalid {
				t.Fatal(err)
			}
			return
		}
		again, err := rowquery.RowFilterParse(filter.Param())
		if err != nil || !reflect.DeepEqual(again, filter) {
			n, v := filter.Param()
			t.Fatalf("%q=%q\n   is %+v\nas %q=%q\n   is %+v, error %v", name, value, filter, n, v, again, err)
		}
		if len(filter.Columns()) == 0 {
			t.Fatalf("%q=%q has no column", name, value)
		}
	})
}

// A filter on a column that is called as another parameter keeps its meaning.
func TestRowFilterParse_ReservedColumn(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"limit", "order", "select", "search", "or", "", "a->b"} {
		f := rowquery.RowFilter{Column: rowquery.RowColumn{Name: name}, Operator: rowquery.RowEqual, Value: "1"}
		parameter, value := f.Param()
		again, err := rowquery.RowFilterParse(parameter, value)
		if err != nil || again.Column.Name != name || parameter[0] != '"' {
			t.Errorf("%q is written %s=%s and read as %q, %v", name, parameter, value, again.Column.Name, err)
		}
	}
}
