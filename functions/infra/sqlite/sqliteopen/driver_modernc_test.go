//go:build !sqlite_mattn

package sqliteopen

import (
	"fmt"
	"testing"
)

func TestLinkedDriver_Modernc(t *testing.T) {
	t.Parallel()
	db := mustOpen(t, SQLiteOpenConfig{Path: newFile(t)})
	if got := fmt.Sprintf("%T", db.Writer.Driver()); got != "*sqlite.Driver" {
		t.Errorf("the driver is %s", got)
	}
	// Defensive mode: the switch that lets SQL write the schema table stays
	// off.
	conn, err := db.Writer.Conn(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	exec(t, conn, "CREATE TABLE t (n)")
	exec(t, conn, "PRAGMA writable_schema = ON")
	if _, err := conn.ExecContext(t.Context(), "DELETE FROM sqlite_schema"); err == nil {
		t.Error("the schema table could be written")
	}
}
