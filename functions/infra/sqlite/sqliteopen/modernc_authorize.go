//go:build !sqlite_mattn

package sqliteopen

import (
	"database/sql/driver"
	"sync"
	"sync/atomic"
	"unsafe"

	"modernc.org/libc"
	sqlite3 "modernc.org/sqlite/lib"
)

// sandboxes are those of the open connections, by what SQLite passes to the
// authorizer.
var (
	sandboxes   sync.Map // uintptr -> *sandbox
	lastSandbox atomic.Uintptr
)

// authorizer is the type of the C function that sqlite3_set_authorizer takes.
type authorizer func(tls *libc.TLS, id uintptr, code int32, first, second, database, view uintptr) int32

func authorize(_ *libc.TLS, id uintptr, code int32, first, second, _, view uintptr) int32 {
	box, ok := sandboxes.Load(id)
	a := action{code: int(code), first: libc.GoString(first), second: libc.GoString(second), view: libc.GoString(view)}
	if ok && box.(*sandbox).allows(a) {
		return sqlite3.SQLITE_OK
	}
	return sqlite3.SQLITE_DENY
}

// noIndexScan turns off that SQLite reads an index, whose rows are fewer bytes,
// instead of its table: the rows would come in the order of a hidden column.
const noIndexScan = 0x20 // SQLITE_CoverIdxScan

// setSandbox makes SQLite ask s about each statement that the connection
// prepares.
func setSandbox(conn driver.Conn, s *sandbox) driver.Conn {
	c := conn.(*interruptibleConn)
	c.sandbox, c.sandboxID = s, lastSandbox.Add(1)
	sandboxes.Store(c.sandboxID, s)
	tls := libc.NewTLS()
	defer tls.Close()
	// A declared function, not a closure, stands at a fixed address in memory:
	// modernc.org/sqlite makes its own callbacks in this way.
	callback := *(*uintptr)(unsafe.Pointer(&struct{ f authorizer }{authorize}))
	sqlite3.Xsqlite3_set_authorizer(tls, c.db, callback, c.sandboxID)
	if s.hidden != nil {
		args := libc.NewVaList(c.db, uint32(noIndexScan))
		defer libc.Xfree(tls, args)
		sqlite3.Xsqlite3_test_control(tls, sqlite3.SQLITE_TESTCTRL_OPTIMIZATIONS, args)
	}
	return c
}

// Close implements driver.Conn.
func (c *interruptibleConn) Close() error {
	err := c.moderncConn.Close()
	sandboxes.Delete(c.sandboxID)
	return err
}
