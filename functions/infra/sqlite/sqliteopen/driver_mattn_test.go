//go:build sqlite_mattn

package sqliteopen

import (
	"fmt"
	"testing"
)

func TestLinkedDriver_Mattn(t *testing.T) {
	t.Parallel()
	db := mustOpen(t, SQLiteOpenConfig{Path: newFile(t)})
	if got := fmt.Sprintf("%T", db.Writer.Driver()); got != "*sqlite3.SQLiteDriver" {
		t.Errorf("the driver is %s", got)
	}
}
