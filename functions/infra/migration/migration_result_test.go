package migration_test

import (
	"encoding/json"
	"testing"

	"fnregistry.dev/functions/infra/migration"
)

// The JSON of a result has no SQL in it.
func TestMigrationResult_Keys(t *testing.T) {
	t.Parallel()
	got, err := json.Marshal(migration.MigrationResult{
		Version: 1,
		Applied: []migration.MigrationFile{{Version: 1, Name: "0001_init.sql", Checksum: "ab", Content: "SELECT 1"}},
	})
	const want = `{"version":1,"applied":[{"version":1,"name":"0001_init.sql","checksum":"ab"}],"pending":null}`
	if err != nil || string(got) != want {
		t.Errorf("%s, %v\nwant %s", got, err, want)
	}
}
