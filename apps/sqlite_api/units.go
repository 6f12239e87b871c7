package main

import (
	"fnregistry.dev/functions/infra/sqlite"
	"fnregistry.dev/functions/infra/sqlite/sqliteopen"
)

// The units that the program is composed of. A line goes when something calls its
// unit.
var (
	_ = sqliteopen.SQLiteOpen
	_ = sqlite.SQLiteSchema
)
