package data

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"slices"
	"strings"

	"fnregistry.dev/functions/infra/service"
	"fnregistry.dev/functions/infra/sqlite"
	"fnregistry.dev/functions/infra/sse"
)

// listedChanges is how many changes of a transaction are published one by one;
// of more, only how many there are of a table and a verb.
const listedChanges = 100

// published is the data of an event about a change of this program.
type published struct {
	Table string `json:"table"`
	Verb  string `json:"verb"`
	Key   string `json:"key,omitempty"`  // of the row; empty: it has none that the caller may read, or there are several rows
	Rows  int    `json:"rows,omitempty"` // how many rows, where they are not listed
}

// Changes streams the changes of the database's tables as server-sent events:
// of type change, with what this program wrote, to callers that may read the
// table, and of type other where another program wrote something. A request's
// access is that of its context.
func (v *View) Changes() http.Handler { return v.db.changes }

// The topics of events: a mark, the table and the columns of its key.
const (
	topicKey   = "key" // for callers that may read the key
	topicTable = "table"
	topicOther = "other"
)

func topic(mark string, t *sqlite.SQLiteSchemaTable) string {
	return strings.Join(slices.Concat([]string{mark, t.Name}, t.Key), "\x00")
}

// topics says which topics a request may see.
func (db *Database) topics(r *http.Request) (func(string) bool, error) {
	v := &View{db: db, access: AccessFrom(r.Context())}
	return func(topic string) bool {
		if topic == topicOther {
			return v.access.CanOpen(db.Name)
		}
		parts := strings.Split(topic, "\x00")
		return v.access.CanRead(db.Name, parts[1]) && !db.hidden(v.access, parts[1], "") && all(parts[2:], v.allow(parts[1])) == (parts[0] == topicKey)
	}, nil
}

// publish reports what was written. The caller has the turn, so that the order
// is that of the commits.
func (db *Database) publish(changes []sqlite.SQLiteRowsWriteChange, results []Result) {
	if len(changes) > listedChanges {
		db.publishSums(changes)
		return
	}
	for i, c := range changes {
		event := published{Table: c.Table.Name, Verb: string(c.Verb), Key: results[i].Key}
		db.send(topic(topicKey, c.Table), "change", event)
		if db.restricted {
			event.Key = ""
			db.send(topic(topicTable, c.Table), "change", event)
		}
	}
}

func (db *Database) publishSums(changes []sqlite.SQLiteRowsWriteChange) {
	var sums []published
	for _, c := range changes {
		i := slices.IndexFunc(sums, func(p published) bool { return p.Table == c.Table.Name && p.Verb == string(c.Verb) })
		if i < 0 {
			i, sums = len(sums), append(sums, published{Table: c.Table.Name, Verb: string(c.Verb)})
		}
		sums[i].Rows++
	}
	for _, sum := range sums { // without a key, whoever reads it
		t := &sqlite.SQLiteSchemaTable{Name: sum.Table}
		db.send(topic(topicKey, t), "change", sum)
	}
}

func (db *Database) send(topic, kind string, event any) {
	text, err := json.Marshal(event)
	if err == nil {
		_, err = db.changes.Publish(topic, sse.SSEEvent{Type: kind, Data: string(text)})
	}
	if err != nil { // the hub is closed, with the program
		db.log.Debug("a change was not published", "database", db.Name, "error", err)
	}
}

// Watch publishes that other programs have written, until it is stopped.
func (s *Set) Watch(ctx context.Context, logger *slog.Logger) (service.Service, error) {
	var watches []*sqlite.SQLiteWatchHandle
	stop := func() (err error) {
		for _, w := range watches {
			err = errors.Join(err, w.Stop(context.WithoutCancel(ctx)))
		}
		return err
	}
	for _, db := range s.databases {
		w, err := db.watch(ctx, logger)
		if err != nil {
			return nil, errors.Join(err, stop())
		}
		watches = append(watches, w)
	}
	return service.ServiceStart(ctx, service.ServiceStartConfig{Name: "watch", Run: func(ctx context.Context) error {
		<-ctx.Done()
		return stop()
	}})
}

// CloseStreams ends the streams of Changes, for a server that stops.
func (s *Set) CloseStreams() {
	for _, db := range s.databases {
		_ = db.changes.Close() // always nil
	}
}

// watch sees commits of all connections. Those of this program are by the
// writing connection, whose own data_version they don't change.
func (db *Database) watch(ctx context.Context, logger *slog.Logger) (*sqlite.SQLiteWatchHandle, error) {
	var last int64
	version := func() (int64, error) {
		var v int64
		err := db.own.Writer.QueryRowContext(ctx, "PRAGMA data_version").Scan(&v)
		return v, err
	}
	if db.Write {
		var err error
		if last, err = version(); err != nil {
			return nil, sqlite.SQLiteError("watch", err)
		}
	}
	return sqlite.SQLiteWatch(ctx, sqlite.SQLiteWatchConfig{DB: db.own.Reader, Logger: logger, OnChange: func() {
		if db.Write {
			now, err := version()
			if err == nil && now == last {
				return
			}
			last = now
		}
		db.send(topicOther, "other", map[string]bool{"changed": true})
	}})
}
