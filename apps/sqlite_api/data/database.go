package data

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"time"

	"fnregistry.dev/functions/infra/sqlite"
	"fnregistry.dev/functions/infra/sqlite/sqliteopen"
	"fnregistry.dev/functions/infra/sse"
)

// Database is a file that is served.
type Database struct {
	Name  string // in URLs
	Path  string
	Write bool // it is open for writing

	queryTime time.Duration // how long SQL from outside may run; negative: as long as it takes

	own  *pool // for SQL that the program writes, whose values have any size
	file *sqlite.SQLiteFileCheckHandle

	stored     []StoredQuery // set before it is served
	large      *large
	streams    chan struct{} // holds a value for each export that runs
	turn       chan struct{} // holds a value while a transaction writes
	changes    *sse.SSEHub
	restricted bool         // some access hides something
	log        *slog.Logger // the audit
	auditCheck func() error

	mu     sync.Mutex
	guests map[guestKey]*pool // read-only and in a sandbox; one for each access that hides something

	readable sync.Map // *Access -> readableTables

	schemaMu sync.Mutex // not mu: SQLite asks for the schema while a guest is opened
	schema   schema
}

// guestKey says what a pool of guests is for.
type guestKey struct {
	access *Access
	large  bool // SQL that the program writes, whose values have any size
}

// pool is a pool of connections, and the statements that they have run last.
type pool struct {
	*sqliteopen.SQLiteOpenHandle
	statements *sqlite.SQLiteStatementsHandle // of Reader
}

func openPool(ctx context.Context, cfg sqliteopen.SQLiteOpenConfig) (*pool, error) {
	handle, err := sqliteopen.SQLiteOpen(ctx, cfg)
	if err != nil {
		return nil, err
	}
	return &pool{handle, sqlite.SQLiteStatements(handle.Reader, 0)}, nil
}

func (p *pool) close() error { return errors.Join(p.statements.Close(), p.Close()) }

// schema is the last one read. SQLite's schema_version says whether it is
// still right, unless the file's stamp does, which costs less.
type schema struct {
	version int64
	tables  []sqlite.SQLiteSchemaTable
	stamp   sqlite.SQLiteFileCheckStamp // from before version was read
	asked   time.Time                   // when SQLite said that version is right
}

// askAgain is for how long a file's stamp is believed without asking SQLite.
const askAgain = time.Second

// openDatabase opens a file. The pool that may write is first: after a crash
// only it can roll back a journal, and the others can't read before it did.
func openDatabase(ctx context.Context, name, path string, cfg Config) (*Database, error) {
	db := &Database{
		Name: name, Path: path, Write: cfg.Write, guests: map[guestKey]*pool{},
		turn: make(chan struct{}, 1), streams: make(chan struct{}, streamsMax), large: newLarge(), log: cfg.Audit, auditCheck: cfg.AuditCheck,
	}
	if db.auditCheck == nil {
		db.auditCheck = func() error { return nil }
	}
	if db.log == nil {
		db.log = slog.New(slog.DiscardHandler)
	}
	for _, a := range cfg.Access {
		db.restricted = db.restricted || a.hides(name)
	}
	// It lives as long as the database, not only while it is opened.
	db.changes = sse.SSEHandler(context.WithoutCancel(ctx), sse.SSEHandlerConfig{Topics: db.topics})
	var err error
	db.own, err = openPool(ctx, sqliteopen.SQLiteOpenConfig{Path: path, ReadOnly: !cfg.Write, KeepJournal: true, MaxReaders: readers})
	if err != nil {
		return nil, errors.Join(err, db.close())
	}
	if db.file, err = sqlite.SQLiteFileCheck(ctx, db.own.Reader); err != nil {
		return nil, errors.Join(err, db.close())
	}
	if _, err := db.guest(ctx, Local, false); err != nil {
		return nil, errors.Join(err, db.close())
	}
	return db, nil
}

// guest is the connection pool for SQL of a caller, or, if large, for SQL that
// the program writes for one from whom something is hidden: SQLite's authorizer
// then sees what a view reads.
func (db *Database) guest(ctx context.Context, a *Access, large bool) (*pool, error) {
	cfg := sqliteopen.SQLiteOpenConfig{Path: db.Path, ReadOnly: true, Sandbox: true}
	if large {
		cfg.MaxValueBytes, cfg.MaxReaders = largeValue, readers
	}
	if a.hides(db.Name) {
		if _, err := db.tables(ctx); err != nil { // hidden goes by them
			return nil, err
		}
		cfg.Hidden = func(table, column string) bool { return db.hidden(a, table, column) }
	} else {
		a = Local
	}
	db.mu.Lock()
	defer db.mu.Unlock()
	key := guestKey{a, large}
	guests, ok := db.guests[key]
	if !ok {
		var err error
		if guests, err = openPool(ctx, cfg); err != nil {
			return nil, err
		}
		db.guests[key] = guests
	}
	return guests, nil
}

// tables describes all tables.
func (db *Database) tables(ctx context.Context) ([]sqlite.SQLiteSchemaTable, error) {
	db.schemaMu.Lock()
	last := db.schema
	db.schemaMu.Unlock()
	if last.tables != nil && time.Since(last.asked) < askAgain && db.file.Unchanged(last.stamp) {
		return last.tables, nil
	}
	// Connections are opened when they are needed: some would be of the file
	// that was replaced, and some of the one in its place.
	if err := db.file.Check(); err != nil {
		return nil, err
	}
	stamp, asked := db.file.Stamp(), time.Now()
	var version int64
	if err := db.own.Reader.QueryRowContext(ctx, "PRAGMA schema_version").Scan(&version); err != nil {
		return nil, helpful(sqlite.SQLiteError("schema", err))
	}
	if last.tables != nil && last.version == version {
		last.stamp, last.asked = stamp, asked
		db.keepSchema(last)
		return last.tables, nil
	}
	// A change between the two is noticed with the next request: the version
	// is from before.
	tables, err := sqlite.SQLiteSchema(ctx, db.own.Reader)
	if err != nil {
		return nil, helpful(err)
	}
	if tables == nil {
		tables = []sqlite.SQLiteSchemaTable{}
	}
	db.keepSchema(schema{version, tables, stamp, asked})
	return tables, nil
}

// keepSchema keeps a schema, unless a later one is there.
func (db *Database) keepSchema(s schema) {
	db.schemaMu.Lock()
	defer db.schemaMu.Unlock()
	if s.asked.After(db.schema.asked) {
		db.schema = s
	}
}

// largeValue is SQLite's own limit of a text, a blob or a row.
const largeValue = 1_000_000_000

// hidden is what SQLite's authorizer asks about the SQL of a caller from whom
// something is hidden. Only what the schema has can be read: not SQLite's own
// tables and those of pragmas, whose texts name what is hidden.
func (db *Database) hidden(a *Access, table, column string) bool {
	t := db.known(table)
	if t == nil {
		if equalName(table, "json_each") || equalName(table, "json_tree") {
			return false
		}
		// Without a column it is the name of a WITH that is counted.
		lower := strings.ToLower(table)
		return column != "" || strings.HasPrefix(lower, "sqlite_") || strings.HasPrefix(lower, "pragma_") || lower == "dbstat"
	}
	if t.Kind == "view" && a.joinsHidden(db.Name, db.lastTables(), t.SQL) {
		return true
	}
	if column != "" && !slices.ContainsFunc(t.Columns, func(c sqlite.SQLiteSchemaColumn) bool { return equalName(c.Name, column) }) &&
		!slices.ContainsFunc([]string{"rowid", "_rowid_", "oid"}, func(name string) bool { return equalName(name, column) }) {
		return true // it is new, and may be made of a hidden one
	}
	return !a.canReadTable(db.Name, t) || column != "" && !a.canReadColumnOf(db.Name, t, column)
}

// known is a table as the schema was when it was last read; nil: it had none of
// that name.
func (db *Database) known(table string) *sqlite.SQLiteSchemaTable {
	tables := db.lastTables()
	i := slices.IndexFunc(tables, func(t sqlite.SQLiteSchemaTable) bool { return equalName(t.Name, table) })
	if i < 0 {
		return nil
	}
	return &tables[i]
}

// lastTables are the tables as they were last read.
func (db *Database) lastTables() []sqlite.SQLiteSchemaTable {
	db.schemaMu.Lock()
	defer db.schemaMu.Unlock()
	return db.schema.tables
}

func (db *Database) close() error {
	_ = db.changes.Close() // always nil
	db.mu.Lock()
	defer db.mu.Unlock()
	var errs []error
	for _, guests := range db.guests {
		errs = append(errs, guests.close())
	}
	if db.own != nil {
		errs = append(errs, db.own.close())
	}
	return errors.Join(errs...)
}
