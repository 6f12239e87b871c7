package migration_test

import (
	"strings"
	"testing"

	"fnregistry.dev/functions/core"
	"fnregistry.dev/functions/infra/migration"
)

func TestMigrationCheck(t *testing.T) {
	t.Parallel()
	files := []migration.MigrationFile{{Version: 1, Name: "1_a.sql", Checksum: "aa"}, {Version: 3, Name: "3_c.sql", Checksum: "cc"}, {Version: 4, Name: "4_d.sql", Checksum: "dd"}}
	applied := func(version int64, checksum string) migration.MigrationApplied {
		return migration.MigrationApplied{Version: version, Name: "then.sql", Checksum: checksum, At: "noon"}
	}
	for name, c := range map[string]struct {
		history []migration.MigrationApplied
		last    int64
		want    string // in the error
	}{
		"new":                 {nil, 0, ""},
		"half":                {[]migration.MigrationApplied{applied(1, "aa")}, 1, ""},
		"all":                 {[]migration.MigrationApplied{applied(1, "aa"), applied(3, "cc"), applied(4, "dd")}, 4, ""},
		"checksum not known":  {[]migration.MigrationApplied{applied(1, "")}, 1, ""},
		"changed":             {[]migration.MigrationApplied{applied(1, "ab")}, 1, "op file=1_a.sql: has changed since it was applied at noon (checksum then ab, now aa)"},
		"from elsewhere":      {[]migration.MigrationApplied{applied(1, "aa"), applied(2, "bb")}, 2, "op file=then.sql: version 2 was applied at noon, but this program doesn't have it"},
		"new below the last":  {[]migration.MigrationApplied{applied(1, "aa"), applied(4, "dd")}, 4, "op file=3_c.sql: is new, but version 4 is already applied"},
		"nothing but a later": {[]migration.MigrationApplied{applied(3, "cc")}, 3, "op file=1_a.sql: is new"},
	} {
		last, err := migration.MigrationCheck("op", files, c.history)
		if last != c.last {
			t.Errorf("%s: last is %d, want %d", name, last, c.last)
		}
		switch {
		case c.want == "" && err != nil:
			t.Errorf("%s: %d, %v, want %d", name, last, err, c.last)
		case c.want != "" && (core.ErrorCode(err) != core.CodeConflict || !strings.HasPrefix(err.Error(), c.want) || core.ErrorHint(err) == ""):
			t.Errorf("%s: %v, want %q", name, err, c.want)
		}
	}
}
