package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"io/fs"
	"os"
	"time"

	"fnregistry.dev/functions/core"
)

// ErrSQLiteFileLost is the cause of what [SQLiteFileCheckHandle.Check] returns.
// No retry helps: what is written to the database goes to a file without a
// name, which vanishes when the process ends.
var ErrSQLiteFileLost = errors.New("the database must be opened again")

// SQLiteFileCheckHandle is a database file that is watched. It needs no
// closing.
type SQLiteFileCheckHandle struct {
	path string      // empty: the database is in memory
	info os.FileInfo // of the file when the handle was made
}

// SQLiteFileCheck remembers which file a database is in, so that Check notices
// that it was deleted or replaced. SQLite itself doesn't: it keeps writing to
// the open file, reports success, and all of it is gone at the next start. db
// is of any driver, and must have been opened just before. A database in memory
// has no file, and is never lost.
//
// Errors: those of sqlite_error, and CodeConflict with [ErrSQLiteFileLost] if
// the file is gone already.
//
// More in sqlite_file_check.md:
//   - Check before reporting a write as durable, after its commit.
//   - A file that is overwritten in place (cp over it, truncation) stays the
//     same file.
func SQLiteFileCheck(ctx context.Context, db *sql.DB) (*SQLiteFileCheckHandle, error) {
	const op = "sqlite_file_check"
	h := &SQLiteFileCheckHandle{}
	err := db.QueryRowContext(ctx, "SELECT coalesce(file, '') FROM pragma_database_list WHERE name = 'main'").Scan(&h.path)
	if err != nil {
		return nil, SQLiteError(op, err)
	}
	if h.path == "" {
		return h, nil
	}
	if h.info, err = os.Stat(h.path); err != nil {
		if errors.Is(err, fs.ErrNotExist) {
			return nil, h.lost("deleted")
		}
		return nil, &core.Error{Code: core.CodeUnavailable, Op: op, Err: err}
	}
	return h, nil
}

// Check returns a CodeConflict with [ErrSQLiteFileLost] if the file was
// deleted, moved away or replaced since the handle was made. It costs one stat,
// and may be called by several goroutines. A nil handle is never lost. What
// can't be examined, as without permission, counts as unchanged.
func (h *SQLiteFileCheckHandle) Check() error {
	if h == nil || h.path == "" {
		return nil
	}
	now, err := os.Stat(h.path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return h.lost("deleted or moved away")
	case err == nil && !os.SameFile(now, h.info):
		return h.lost("replaced by another file")
	}
	return nil
}

// SQLiteFileCheckStamp is a moment in the life of a database's files.
type SQLiteFileCheckStamp struct {
	taken     time.Time
	main, wal fileStamp
}

// fileStamp is what a write changes of a file. The zero value: there is none.
type fileStamp struct {
	size     int64
	modified time.Time
}

func stampOf(info os.FileInfo) fileStamp { return fileStamp{info.Size(), info.ModTime().Round(0)} }

// Stamp notes the state of the database's file and of its -wal.
func (h *SQLiteFileCheckHandle) Stamp() SQLiteFileCheckStamp {
	s := SQLiteFileCheckStamp{taken: time.Now().Round(0)}
	s.main, s.wal, _ = h.stamps()
	return s
}

func (h *SQLiteFileCheckHandle) stamps() (main, wal fileStamp, ok bool) {
	if h == nil || h.path == "" {
		return main, wal, false
	}
	info, err := os.Stat(h.path)
	if err != nil || !os.SameFile(info, h.info) {
		return main, wal, false
	}
	switch journal, err := os.Stat(h.path + "-wal"); {
	case err == nil:
		wal = stampOf(journal)
	case !errors.Is(err, fs.ErrNotExist):
		return main, wal, false
	}
	return stampOf(info), wal, true
}

// coarseTime is longer than any file system keeps a file's time the same over
// two writes: that of FAT counts in steps of 2 s.
const coarseTime = 3 * time.Second

// Unchanged reports whether certainly nothing was written to the database since
// a stamp was taken. It costs two stats, and is false where that can't be
// known: where the last write was less than 3 s before the stamp, so that
// another one may have the same time; where the file is not the one that was
// opened; and for a database in memory. In WAL mode a commit counts from the
// write to the -wal, which is up to a sync of the disk before others see it:
// ask SQLite itself now and then.
func (h *SQLiteFileCheckHandle) Unchanged(since SQLiteFileCheckStamp) bool {
	settled := func(f fileStamp) bool { return f.modified.Before(since.taken.Add(-coarseTime)) }
	if since.taken.IsZero() || !settled(since.main) || !settled(since.wal) {
		return false
	}
	main, wal, ok := h.stamps()
	return ok && main == since.main && wal == since.wal
}

func (h *SQLiteFileCheckHandle) lost(how string) error {
	return &core.Error{
		Code: core.CodeConflict, Op: "sqlite_file_check path=" + h.path,
		Message: "the database file was " + how + " while it was open",
		Hint:    "stop the program, put the right file in its place, and start it again", Err: ErrSQLiteFileLost,
	}
}
