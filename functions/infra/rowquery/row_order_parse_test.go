package rowquery_test

import (
	"fmt"
	"reflect"
	"strings"
	"testing"

	"fnregistry.dev/functions/core"
	"fnregistry.dev/functions/infra/rowquery"
)

func TestRowOrderParse_Orders(t *testing.T) {
	t.Parallel()
	column := func(name string) rowquery.RowColumn { return rowquery.RowColumn{Name: name} }
	for text, want := range map[string][]rowquery.RowOrder{
		"":                                     nil,
		"age":                                  {{Column: column("age")}},
		"age.asc":                              {{Column: column("age")}},
		"age.desc.nullslast,name.nullsfirst,x": {{column("age"), true, rowquery.RowNullsLast}, {column("name"), false, rowquery.RowNullsFirst}, {Column: column("x")}},
		`"a.b".desc`:                           {{Column: column("a.b"), Desc: true}},
		`data->>n.desc`:                        {{Column: rowquery.RowColumn{Name: "data", Text: true, Path: []rowquery.RowColumnStep{{Key: "n"}}}, Desc: true}},
	} {
		order, err := rowquery.RowOrderParse(text)
		if err != nil || !reflect.DeepEqual(order, want) {
			t.Errorf("%s: %+v, error %v", text, order, err)
		}
		var texts []string
		for _, o := range order {
			texts = append(texts, o.String())
		}
		again, err := rowquery.RowOrderParse(strings.Join(texts, ","))
		if err != nil || !reflect.DeepEqual(again, want) {
			t.Errorf("%s, again as %v: %+v, error %v", text, texts, again, err)
		}
	}
}

func TestRowOrderParse_Refused(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"age.dsc":                       "did you mean asc or desc?",
		"age.asc.desc":                  "repeated",
		"age.nullsfirst.desc":           "repeated",
		"age.nullsfirst.nullslast":      "repeated",
		"age,":                          "a name is missing",
		"age)":                          "unexpected text",
		"a.b":                           "double quotes",
		strings.Repeat("a,", 100) + "a": "more than 100 columns",
	} {
		order, err := rowquery.RowOrderParse(text)
		if core.ErrorCode(err) != core.CodeInvalid || order != nil || !strings.Contains(fmt.Sprint(err)+core.ErrorHint(err), want) {
			t.Errorf("%.40s: %+v, error %v (%s)", text, order, err, core.ErrorHint(err))
		}
	}
}
