package sqlite

import (
	"context"
	"database/sql"
	"log/slog"
	"time"

	"fnregistry.dev/functions/core"
	"fnregistry.dev/functions/infra/service"
	"fnregistry.dev/functions/infra/work"
)

const watchOp = "sqlite_watch"

// SQLiteWatchConfig says which database [SQLiteWatch] watches.
type SQLiteWatchConfig struct {
	DB       *sql.DB       // a file's; one connection is taken out of the pool for as long as the watch runs; required
	Interval time.Duration // between two looks; default 200 ms
	OnChange func()        // called after each look that found a commit, and not again before it has returned; required
	Logger   *slog.Logger  // gets errors of looks, which are repeated; nil: no logs
}

// SQLiteWatchHandle is a running watch. It is a service.
type SQLiteWatchHandle struct {
	*service.ServiceStartHandle
}

var _ service.Service = (*SQLiteWatchHandle)(nil)

// SQLiteWatch reports commits to a database file, by whom ever: other
// connections of this process or other processes. Several commits between two
// looks are one change. It looks at PRAGMA data_version, which costs a look at
// the file's header, not at its content.
//
// A change before it returns is not reported, each one after it is. ctx or Stop
// ends it.
//
// Errors: CodeInvalid for a bad config; what [SQLiteError] gives for the first
// look.
//
// More in sqlite_watch.md:
//   - What changed is not known: read what you show again.
//   - Several commits between two looks are one change.
func SQLiteWatch(ctx context.Context, cfg SQLiteWatchConfig) (*SQLiteWatchHandle, error) {
	switch {
	case cfg.DB == nil || cfg.OnChange == nil || cfg.Interval < 0:
		return nil, &core.Error{Code: core.CodeInvalid, Op: watchOp, Message: "DB or OnChange is missing, or Interval is negative"}
	case cfg.Interval == 0:
		cfg.Interval = 200 * time.Millisecond
	}
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	w := watcher{cfg: cfg}
	if _, err := w.look(ctx); err != nil {
		return nil, SQLiteError(watchOp, err)
	}
	running, err := service.ServiceStart(ctx, service.ServiceStartConfig{Name: watchOp, Run: w.run})
	if err != nil {
		w.close()
		return nil, err
	}
	return &SQLiteWatchHandle{ServiceStartHandle: running}, nil
}

type watcher struct {
	cfg     SQLiteWatchConfig
	conn    *sql.Conn // data_version counts for one connection alone; nil: none now
	version int64
}

func (w *watcher) run(ctx context.Context) error {
	defer w.close()
	for {
		if err := work.SleepContext(ctx, w.cfg.Interval); err != nil {
			return err
		}
		changed, err := w.look(ctx)
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case err != nil:
			w.cfg.Logger.Warn("can't look whether the database has changed", "error", SQLiteError(watchOp, err))
		case changed:
			w.cfg.OnChange()
		}
	}
}

// look reports whether there was a commit since the last one. After an error
// the next look has another connection, whose version says nothing of what was
// before: that counts as a change.
func (w *watcher) look(ctx context.Context) (changed bool, err error) {
	fresh := w.conn == nil
	if fresh {
		if w.conn, err = w.cfg.DB.Conn(ctx); err != nil {
			w.conn = nil
			return false, err
		}
	}
	var version int64
	if err := w.conn.QueryRowContext(ctx, "PRAGMA data_version").Scan(&version); err != nil {
		w.close()
		return false, err
	}
	changed = fresh || version != w.version
	w.version = version
	return changed, nil
}

func (w *watcher) close() {
	if w.conn != nil {
		_ = w.conn.Close() // it goes back to the pool, which closes it if it is broken
		w.conn = nil
	}
}
