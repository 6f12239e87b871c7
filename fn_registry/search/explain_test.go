package search

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

// TestWhy checks how the match of each word is explained.
func TestWhy(t *testing.T) {
	t.Parallel()
	x := Build(slices.Values([]Doc{
		{Key: "migrate", Name: "sqlite_migrate", Description: "Migrations of a schema.", Tags: []string{"database"}},
		{Key: "tree", Name: "process_kill_tree", Body: "Ends what a command started."},
	}))
	for query, want := range map[string]string{
		"migrate":          "migrate: exact in name, description",
		"schemas":          "schemas: form schema in description",
		"migrator":         "migrator: kin migrate in name, description",
		"subprocess":       "subprocess: synonym process in name",
		"dat":              "dat: beginning database in tags",
		"shcema sqlite":    "shcema: typo schema in description | sqlite: exact in name",
		"sqlite websocket": "sqlite: exact in name",
	} {
		hits := x.Search(ParseQuery(query), Options{Limit: 1}).Hits
		if len(hits) != 1 {
			t.Errorf("%s: %v", query, hits)
			continue
		}
		var got []string
		for _, w := range hits[0].Why {
			got = append(got, strings.ReplaceAll(fmt.Sprintf("%s: %s %s in %s", w.Text, w.How, w.As, w.Fields), "  ", " "))
		}
		if text := strings.Join(got, " | "); text != want {
			t.Errorf("%s:\ngot  %s\nwant %s", query, text, want)
		}
	}
}
