package data

import (
	"context"
	"log/slog"

	"fnregistry.dev/functions/core"
	"fnregistry.dev/functions/infra/rowquery"
)

// auditChanges is how many changes of a transaction the audit lists one by one.
const auditChanges = 1000

// audited is a change in the audit. It has no values: they may be secret.
type audited struct {
	Table string `json:"table"`
	Verb  string `json:"verb"`
	Key   string `json:"key,omitempty"`
}

// audit writes one line about a transaction.
func (v *View) audit(ctx context.Context, changes []Change, results []Result, err error) {
	list := make([]audited, min(len(changes), auditChanges))
	for i := range list {
		list[i] = audited{Table: changes[i].Table, Verb: string(changes[i].Verb)}
		switch {
		case changes[i].Key != nil:
			list[i].Key = rowquery.RowKey(changes[i].Key, nil)
		case results != nil:
			list[i].Key = results[i].Key
		}
	}
	attrs := []slog.Attr{
		slog.String("who", v.access.Name), slog.String("database", v.db.Name), slog.Int("rows", len(changes)), slog.Any("changes", list),
	}
	if err == nil {
		v.db.log.LogAttrs(ctx, slog.LevelInfo, "write", attrs...)
		return
	}
	// The text of an error may have a value in it.
	v.db.log.LogAttrs(ctx, slog.LevelInfo, "write refused", append(attrs, slog.String("code", string(core.ErrorCode(err))))...)
}
