package sqlite

import (
	"slices"
	"testing"
)

func TestSQLiteQueryParameters(t *testing.T) {
	t.Parallel()
	for query, want := range map[string][]string{
		"SELECT :a, @b, $c, :a":               {"a", "b", "c"},
		"SELECT ':no', \":no\", [:no] -- :no": nil,
		"SELECT /* :no */ :yes":               {"yes"},
		"SELECT ?, ?2":                        nil,
		"SELECT :a, @a":                       {"a"},
		"SELECT :a; SELECT :b":                nil,
		"SELECT :a;":                          {"a"},
		"":                                    nil,
	} {
		if got := SQLiteQueryParameters(query); !slices.Equal(got, want) {
			t.Errorf("%s: %q, want %q", query, got, want)
		}
	}
}
