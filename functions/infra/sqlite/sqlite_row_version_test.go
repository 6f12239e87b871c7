package sqlite_test

import (
	"testing"

	"fnregistry.dev/functions/infra/sqlite"
)

func TestSQLiteRowVersion(t *testing.T) {
	t.Parallel()
	seen := map[string][]any{}
	for _, values := range [][]any{
		nil, {nil}, {nil, nil}, {int64(1)}, {1.0}, {"1"}, {[]byte("1")}, {"a", "b"}, {"ab"}, {"ab", ""}, {"", "ab"}, {int64(1), "x"}, {"x", int64(1)},
	} {
		tag := sqlite.SQLiteRowVersion(values)
		if other, ok := seen[tag]; ok {
			t.Errorf("%#v and %#v have the same", values, other)
		}
		if seen[tag] = values; tag != sqlite.SQLiteRowVersion(values) {
			t.Errorf("%#v: another one the second time", values)
		}
	}
}
