//go:build goolm || libolm

package matrixcrypto

import (
	"context"
	"crypto/rand"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"fnregistry.dev/functions/core"
	"fnregistry.dev/functions/infra/filelock"
	"fnregistry.dev/functions/infra/matrix/matrixsync"
	"fnregistry.dev/functions/infra/work"
)

// claim is the exclusive right to a key database. Two programs that use one at
// the same time use the same message keys twice, and lose keys that others
// send them.
//
// A lock beside the file keeps others out, and goes with the process. It is not
// enough: a lock file can be removed, and a file system may have no working
// locks. So the database has a token of its owner, which each transaction that
// writes compares with its own: after somebody else has claimed the database,
// this process writes nothing, however long it was stopped.
type claim struct {
	token   string
	release func()
	gone    atomic.Bool // another has claimed the database
}

var errLost = &core.Error{
	Code: core.CodeConflict, Op: op, Message: "another process has taken the keys over",
	Hint: "end this one; remove no lock files while a program runs",
	Err:  matrixsync.ErrMatrixSyncTakenOver, // the sync ends, too
}

const ownerTable = `
CREATE TABLE IF NOT EXISTS matrix_crypto_owner (
	id INTEGER PRIMARY KEY CHECK (id = 1),
	token TEXT NOT NULL
)`

// takeClaim claims a database, and waits for it where wait is set.
func takeClaim(ctx context.Context, db *sql.DB, wait bool) (*claim, error) {
	release, err := lockDatabase(ctx, db, wait)
	if err != nil {
		return nil, err
	}
	c := &claim{token: rand.Text(), release: release}
	const own = "INSERT INTO matrix_crypto_owner (id, token) VALUES (1, ?) ON CONFLICT DO UPDATE SET token = excluded.token"
	if _, err = db.ExecContext(ctx, ownerTable); err == nil {
		_, err = db.ExecContext(ctx, own, c.token)
	}
	if err != nil {
		release()
		return nil, storeError(op+" claim", err)
	}
	return c, nil
}

// check returns errLost if the database is another's by now. tx is the
// transaction that is going to write.
func (c *claim) check(ctx context.Context, tx interface {
	QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row
}) error {
	var own bool
	err := tx.QueryRowContext(ctx, "SELECT EXISTS (SELECT 1 FROM matrix_crypto_owner WHERE token = $1)", c.token).Scan(&own)
	if err == nil && !own {
		c.gone.Store(true)
		return errLost
	}
	return err
}

// lockDatabase locks a database's file, or one in memory, which only this
// process can have, in this process.
func lockDatabase(ctx context.Context, db *sql.DB, wait bool) (release func(), err error) {
	var path string
	err = db.QueryRowContext(ctx, "SELECT file FROM pragma_database_list WHERE name = 'main'").Scan(&path)
	if err != nil {
		return nil, storeError(op+" claim", err)
	}
	if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
		return lockMemory(ctx, db, wait)
	}
	lock, err := filelock.FileLock(ctx, path+lockSuffix, filelock.FileLockConfig{Wait: wait})
	if err != nil {
		if held, ok := errors.AsType[*filelock.FileLockedError](err); ok {
			return nil, inUse(core.ErrorCode(err), held)
		}
		return nil, &core.Error{Code: core.ErrorCode(err), Op: op + " claim", Err: err}
	}
	return func() { _ = lock.Close() }, nil // it is released either way
}

// lockSuffix is what a database's lock file has behind the database's name.
const lockSuffix = ".crypto.lock"

// inMemory has the databases in memory that are claimed.
var inMemory sync.Map // *sql.DB

func lockMemory(ctx context.Context, db *sql.DB, wait bool) (release func(), err error) {
	for {
		if _, taken := inMemory.LoadOrStore(db, struct{}{}); !taken {
			return func() { inMemory.Delete(db) }, nil
		}
		if !wait {
			return nil, inUse(core.CodeConflict, errors.New("by another handle of this process"))
		}
		if err := work.SleepContext(ctx, 10*time.Millisecond); err != nil {
			return nil, inUse(core.ErrorCode(err), err)
		}
	}
}

func inUse(code core.Code, by error) error {
	return &core.Error{
		Code: code, Op: op, Err: fmt.Errorf("%w: %w", ErrMatrixKeysInUse, by),
		Hint: "end the other program; or let it send, by a matrix_outbox with EnqueueOnly on its database; or give this one a device and a database of its own",
	}
}
