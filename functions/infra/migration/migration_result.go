package migration

// MigrationResult is what a call that applies migrations did, as JSON too.
//
// More in migration_result.md:
//   - It is also valid if there is an error: Applied has the files in front of
//     the one that failed, Pending the others.
type MigrationResult struct {
	Version int64           `json:"version"` // of the schema now; 0: nothing was ever applied
	Applied []MigrationFile `json:"applied"` // by this call, in order
	Pending []MigrationFile `json:"pending"` // not yet applied: in a dry run, or after the one that failed
}
