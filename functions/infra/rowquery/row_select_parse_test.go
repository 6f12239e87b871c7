package rowquery_test

import (
	"reflect"
	"strings"
	"testing"

	"fnregistry.dev/functions/core"
	"fnregistry.dev/functions/infra/rowquery"
)

func TestRowSelectParse_Columns(t *testing.T) {
	t.Parallel()
	column := func(name string) rowquery.RowColumn { return rowquery.RowColumn{Name: name} }
	city := rowquery.RowColumn{Name: "data", Text: true, Path: []rowquery.RowColumnStep{{Key: "city"}}}
	for text, want := range map[string][]rowquery.RowSelect{
		"":                   nil,
		"*":                  {{All: true}},
		`"*"`:                {{Column: column("*")}},
		"id,name":            {{Column: column("id")}, {Column: column("name")}},
		`*,town:data->>city`: {{All: true}, {Alias: "town", Column: city}},
		`data->>city`:        {{Column: city}},
		`"a:b":"c,d",e:"f"`:  {{Alias: "a:b", Column: column("c,d")}, {Alias: "e", Column: column("f")}},
		"a.b,the name":       {{Column: column("a.b")}, {Column: column("the name")}},
	} {
		selected, err := rowquery.RowSelectParse(text)
		if err != nil || !reflect.DeepEqual(selected, want) {
			t.Errorf("%s: %+v, error %v", text, selected, err)
		}
	}
}

func TestRowSelectParse_Refused(t *testing.T) {
	t.Parallel()
	for _, text := range []string{",", "a,", "a:", ":a", "a(b)", "*a", "a:b:c", `"a`, strings.Repeat("a,", 100) + "a"} {
		if selected, err := rowquery.RowSelectParse(text); core.ErrorCode(err) != core.CodeInvalid || selected != nil {
			t.Errorf("%.40s: %+v, error %v", text, selected, err)
		}
	}
}
