package sqlite_test

import (
	"fmt"
	"testing"
	"time"

	"fnregistry.dev/functions/core"
	"fnregistry.dev/functions/infra/rowquery"
	"fnregistry.dev/functions/infra/sqlite"
	"fnregistry.dev/functions/internal/errtest"
)

func TestSQLiteRowFacet_Values(t *testing.T) {
	t.Parallel()
	db := open(t, "CREATE TABLE t (kind, at DATETIME, data)", `INSERT INTO t VALUES ('a', 'soon', '{"x":1}'), ('a', 'soon', '{"x":1}'), ('b', NULL, 'no'), (NULL, 1, NULL), (1, 2, '{"x":2}'), (x'01', 3, '[]')`, slow)
	tables := schemaOf(t, db)
	for _, c := range []struct {
		column string
		limit  int
		want   string
	}{
		{"kind", 0, "{Values:[{Value:a Rows:2} {Value:<nil> Rows:1} {Value:1 Rows:1} {Value:b Rows:1} {Value:[1] Rows:1}] More:false TooSlow:false}"},
		{"kind", 1, "{Values:[{Value:a Rows:2}] More:true TooSlow:false}"},
		{"at", 2, "{Values:[{Value:soon Rows:2} {Value:<nil> Rows:1}] More:true TooSlow:false}"},
		{"data->>x", 9, "{Values:[{Value:<nil> Rows:3} {Value:1 Rows:2} {Value:2 Rows:1}] More:false TooSlow:false}"},
	} {
		column, err := rowquery.RowColumnParse(c.column)
		if err != nil {
			t.Fatal(err)
		}
		got, err := sqlite.SQLiteRowFacet(t.Context(), db.Reader, sqlite.SQLiteRowFacetConfig{Table: tables["t"], Column: column, Limit: c.limit, Time: time.Hour})
		if text := fmt.Sprintf("%+v", got); err != nil || text != c.want {
			t.Errorf("%s: %s, error %v, want %s", c.column, text, err, c.want)
		}
	}
	filter, err := rowquery.RowFilterParse("kind", "eq.b")
	if err != nil {
		t.Fatal(err)
	}
	cfg := sqlite.SQLiteRowFacetConfig{Table: tables["t"], Column: rowquery.RowColumn{Name: "kind"}, Filters: []rowquery.RowFilter{filter}, Time: time.Hour}
	if got, err := sqlite.SQLiteRowFacet(t.Context(), db.Reader, cfg); err != nil || len(got.Values) != 1 || got.Values[0].Rows != 1 {
		t.Errorf("filtered: %+v, %v", got, err)
	}
	got, err := sqlite.SQLiteRowFacet(t.Context(), db.Reader, sqlite.SQLiteRowFacetConfig{Table: tables["slow"], Column: rowquery.RowColumn{Name: "x"}, Time: time.Millisecond})
	if err != nil || !got.TooSlow || got.Values != nil {
		t.Errorf("slow: %+v, %v", got, err)
	}
	cfg.Column.Name = "absent"
	_, err = sqlite.SQLiteRowFacet(t.Context(), db.Reader, cfg)
	errtest.Want(t, err, core.CodeInvalid, "no column")
}

// Long values are counted, but don't come whole; the order stays.
func TestSQLiteRowFacet_Clip(t *testing.T) {
	t.Parallel()
	db := open(t, "CREATE TABLE t (id INTEGER PRIMARY KEY, v)",
		"INSERT INTO t (v) VALUES ('short'), (zeroblob(5000)), (zeroblob(5000)), (zeroblob(5000)), (7), (7), (NULL), (printf('%.*c', 6000, 'x'))")
	clip := &sqlite.SQLiteRowsQueryClip{Bytes: 4096, Mark: "mark"}
	got, err := sqlite.SQLiteRowFacet(t.Context(), db.Reader, sqlite.SQLiteRowFacetConfig{
		Table: schemaOf(t, db)["t"], Column: rowquery.RowColumn{Name: "v"}, Clip: clip, Time: time.Hour,
	})
	if err != nil {
		t.Fatal(err)
	}
	text := ""
	for _, v := range got.Values {
		if kind, bytes, ok := clip.Clipped(v.Value); ok {
			v.Value = fmt.Sprintf("%s of %d", kind, bytes)
		}
		text += fmt.Sprintf("%d %v; ", v.Rows, v.Value)
	}
	if want := "3 blob of 5000; 2 7; 1 <nil>; 1 short; 1 text of 6000; "; text != want {
		t.Errorf("%s\nwant %s", text, want)
	}
}
