package sqliteopen

import (
	"database/sql/driver"
	"fmt"
)

// Defaults of Sandbox. A context stops SQLite between two steps of a statement,
// but not within one function: these bound how long one function can take, and
// how much memory it can use.
const (
	sandboxValueBytes  = 100_000 // instr on two such texts takes half a second
	sandboxMemoryLimit = 256 << 20
)

// minMemory is less than a few connections need for their caches.
const minMemory = 4 << 20

// limit is one of SQLite's limits, by its number in
// https://sqlite.org/c3ref/c_limit_attached.html.
type limit struct{ id, value int }

// limits returns the limits for each new connection. SQL can't raise them.
func (s *settings) limits() []limit {
	var all []limit
	if s.MaxValueBytes > 0 {
		all = append(all, limit{0, s.MaxValueBytes}) // a text, a blob, a row
	}
	if s.Sandbox {
		all = append(all,
			limit{1, 100_000}, // bytes of SQL
			limit{2, 200},     // columns of a table or a result
			limit{3, 100},     // depth of an expression
			limit{4, 50},      // terms of a compound SELECT
			limit{5, 100_000}, // opcodes of a statement
			limit{7, 0},       // attached databases: no other file
			limit{8, 100},     // bytes of a LIKE or GLOB pattern, which backtracks
			limit{10, 20},     // depth of triggers
			limit{11, 0},      // worker threads
		)
	}
	return all
}

// memoryPragma limits SQLite's memory, a single heap for all databases of the
// process. The limit can be lowered, but not raised.
func (s *settings) memoryPragma() string {
	return fmt.Sprintf("PRAGMA hard_heap_limit = %d", s.MemoryLimit)
}

func setLimits(conn driver.Conn, limits []limit) {
	for _, l := range limits {
		setLimit(conn, l)
	}
}
