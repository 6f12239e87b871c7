package api

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"reflect"
	"slices"
	"strings"

	"fnregistry.dev/apps/sqlite_api/data"
	"fnregistry.dev/functions/core"
	fnhttp "fnregistry.dev/functions/infra/http"
	"fnregistry.dev/functions/infra/http/httpapi"
	"fnregistry.dev/functions/infra/sqlite"
)

const (
	// MaxWriteBytes is the longest body of a request that writes.
	MaxWriteBytes = 16 << 20
	// maxChanges is how many rows one transaction may change.
	maxChanges = 10_000
)

// writeEndpoints are the endpoints that change rows.
func (a *api) writeEndpoints() []httpapi.HTTPAPIEndpoint {
	const rows = "/api/v1/{db}/tables/{table}/rows"
	const row = rows + "/{key}"
	const values = "Numbers are stored exactly up to 64 bits, true and false as 1 and 0, and a blob is written as {\"base64\": \"...\"}. "
	const match = "With the header If-Match the row must still have that ETag, or nothing is written and the status is 412."
	const repeat = "With the header Idempotency-Key, a text of its own for each request, a request that is repeated within a day " +
		"since its answer was lost gets the first response, with the header Idempotency-Replayed. "
	endpoint := func(method, path, name, summary, description string) httpapi.HTTPAPIEndpoint {
		e := httpapi.HTTPAPIEndpoint{
			Method: method, Path: path, Name: name, Tag: "writing", Summary: summary, Description: description,
			Responses: []httpapi.HTTPAPIResponse{{Type: "application/json", Go: reflect.TypeFor[written]()}},
			Errors: map[int]string{
				http.StatusForbidden:          "The database is served read-only, or the caller may not write this table.",
				http.StatusNotFound:           "There is no such database, table or row.",
				http.StatusConflict:           "A UNIQUE or FOREIGN KEY constraint refuses the change.",
				http.StatusServiceUnavailable: "Others were writing for too long: try again after Retry-After.",
				http.StatusGatewayTimeout:     "The change took too long, and was taken back.",
			},
		}
		if method == http.MethodPost || method == http.MethodPatch {
			e.Errors[http.StatusConflict] += " Or a request with this Idempotency-Key is still running."
			e.Errors[http.StatusUnprocessableEntity] = "Another request had this Idempotency-Key."
			e.Description += " " + strings.TrimSpace(repeat)
		}
		if method != http.MethodPost {
			e.Errors[http.StatusPreconditionFailed] = "The row has changed since it had the ETag of If-Match."
		}
		if path == row {
			e.Headers = []httpapi.HTTPAPIHeader{{Name: "ETag", Doc: "Of the row as it is now, for If-Match."}}
		}
		return e
	}
	insert := endpoint(http.MethodPost, rows, "insertRows", "Insert or upsert rows",
		values+"The body is a row, an object of values by column, or a list of rows: all are written, or none. "+
			"Location is the row's, if there is one row, and ETag its tag.")
	insert.Status, insert.Body = http.StatusCreated, reflect.TypeFor[any]()
	insert.Headers = []httpapi.HTTPAPIHeader{{Name: "Location", Doc: "Of the one row that was inserted."}, {Name: "ETag", Doc: "Of that row."}}
	update := endpoint(http.MethodPatch, row, "updateRow", "Change values of a row", values+"Columns that are not given stay. "+match)
	update.Body = reflect.TypeFor[map[string]any]()
	replace := endpoint(http.MethodPut, row, "replaceRow", "Replace a row, or insert it",
		values+"The body has a value for every column, but for those of the key and computed ones. Without If-Match the row is inserted where there is none. "+match)
	replace.Body = update.Body
	remove := endpoint(http.MethodDelete, row, "deleteRow", "Delete a row", match)
	remove.Headers = nil
	batch := endpoint(http.MethodPost, "/api/v1/{db}/batch", "writeBatch", "Change rows of several tables in one transaction",
		values+"All changes are made in their order, or none; a problem's member change says which one failed, from 0.")
	batch.Body = reflect.TypeFor[batchBody]()
	batch.Errors[http.StatusPreconditionFailed] = "A row has changed since it had its change's ETag."
	for _, e := range []*httpapi.HTTPAPIEndpoint{&insert, &update, &replace, &remove, &batch} {
		e.Problem = writeProblem
	}
	return []httpapi.HTTPAPIEndpoint{
		httpapi.HTTPAPIRaw(insert, a.insertRows), httpapi.HTTPAPIRaw(update, a.updateRow), httpapi.HTTPAPIRaw(replace, a.replaceRow),
		httpapi.HTTPAPIRaw(remove, a.deleteRow), httpapi.HTTPAPIRaw(batch, a.writeBatch),
	}
}

type written struct {
	Results []writtenRow `json:"results" doc:"One for each change, in their order."`
	DryRun  bool         `json:"dry_run" doc:"Whether it was only tried, and taken back."`
}

type writtenRow struct {
	Table string `json:"table"`
	Key   string `json:"key" doc:"The row's segment in URLs; empty: it has none that may be read."`
	ETag  string `json:"etag" doc:"Of the row as it is now, for If-Match; empty after a delete."`
}

// batchBody is the body of writeBatch.
type batchBody struct {
	Changes []batchChange `json:"changes" doc:"At most 10000."`
}

type batchChange struct {
	Table   string          `json:"table" required:"true"`
	Verb    string          `json:"verb" enum:"insert,upsert,update,delete" required:"true"`
	Key     string          `json:"key,omitempty" doc:"Of update and delete: the row's segment in URLs."`
	IfMatch string          `json:"if_match,omitempty" doc:"Of update and delete: the ETag that the row must have."`
	Values  map[string]cell `json:"values,omitempty" doc:"By column."`
}

type insertIn struct {
	tableIn
	dryRunIn
	OnConflict string `query:"on_conflict" json:"-" enum:"update" doc:"update: a row whose primary key is there already gets the new values (an upsert); otherwise that is a conflict."`
}

type writeRowIn struct {
	tableIn
	dryRunIn
	Key string `path:"key" json:"-" doc:"The row's key, as the links to rows have it."`
}

type batchIn struct {
	databaseIn
	dryRunIn
}

type dryRunIn struct {
	DryRun bool `query:"dry_run" json:"-" doc:"Find out what would happen, and take it back. Deferred foreign keys, which SQLite checks at the commit, are not found."`
}

func (a *api) insertRows(w http.ResponseWriter, r *http.Request, in *insertIn) error {
	v, err := a.view(r.Context(), in.DB)
	if err != nil {
		return err
	}
	rows, err := readBody[oneOrMore](w, r)
	if err != nil {
		return err
	}
	verb := sqlite.SQLiteRowsInsert
	if in.OnConflict != "" {
		verb = sqlite.SQLiteRowsUpsert
	}
	changes := make([]data.Change, len(rows))
	for i, row := range rows {
		if row == nil {
			return &data.WriteError{Index: i, Err: &core.Error{Code: core.CodeInvalid, Message: "a row is null, want an object"}}
		}
		changes[i] = data.Change{Table: in.Table, Verb: verb, Values: row.values()}
	}
	results, err := write(r.Context(), v, changes, in.DryRun)
	if err != nil {
		return err
	}
	if len(results) == 1 {
		w.Header().Set("ETag", quoteTag(results[0].ETag))
		if key := results[0].Key; key != "" && !in.DryRun {
			w.Header().Set("Location", "/api/v1/"+url.PathEscape(in.DB)+"/tables/"+url.PathEscape(in.Table)+"/rows/"+key)
		}
	}
	return respond(w, http.StatusCreated, changes, results, in.DryRun)
}

func (a *api) updateRow(w http.ResponseWriter, r *http.Request, in *writeRowIn) error {
	return a.writeRow(w, r, in, func(_ sqlite.SQLiteSchemaTable, c *data.Change) error {
		row, err := readBody[row](w, r)
		c.Verb, c.Values = sqlite.SQLiteRowsUpdate, row.values()
		return err
	})
}

func (a *api) deleteRow(w http.ResponseWriter, r *http.Request, in *writeRowIn) error {
	return a.writeRow(w, r, in, func(_ sqlite.SQLiteSchemaTable, c *data.Change) error {
		c.Verb = sqlite.SQLiteRowsDelete
		return nil
	})
}

func (a *api) replaceRow(w http.ResponseWriter, r *http.Request, in *writeRowIn) error {
	return a.writeRow(w, r, in, func(t sqlite.SQLiteSchemaTable, c *data.Change) error {
		row, err := readBody[row](w, r)
		if err != nil {
			return err
		}
		c.Verb, c.Values = sqlite.SQLiteRowsUpdate, row.values()
		return asReplacement(t, c, r.Header.Get("If-Match") == "")
	})
}

// asReplacement makes an update one of the whole row; without a condition also
// an insert, where the row is known by a primary key. A key with NULL is not
// inserted: SQLite would choose a number, or make another such row each time.
func asReplacement(t sqlite.SQLiteSchemaTable, c *data.Change, orInsert bool) error {
	for i, name := range t.Key {
		given := slices.Collect(maps.Keys(c.Values))
		at := slices.IndexFunc(given, func(column string) bool { return strings.EqualFold(column, name) })
		if at >= 0 && !reflect.DeepEqual(c.Values[given[at]], c.Key[i]) {
			return &core.Error{Code: core.CodeInvalid, Message: fmt.Sprintf("the value of %q is not the one of the row's key", name), Hint: "leave it out"}
		}
	}
	for _, column := range t.Columns {
		isKey := slices.Contains(t.Key, column.Name)
		given := slices.ContainsFunc(slices.Collect(maps.Keys(c.Values)), func(name string) bool { return strings.EqualFold(name, column.Name) })
		if !given && !isKey && column.Computed == "" && !column.Hidden {
			return &core.Error{
				Code: core.CodeInvalid, Message: fmt.Sprintf("there is no value for %q, and PUT replaces the whole row", column.Name),
				Hint: "use PATCH to change some values",
			}
		}
	}
	if !orInsert || t.Key == nil || slices.Contains(c.Key, nil) {
		return nil
	}
	for i, name := range t.Key {
		if !slices.ContainsFunc(slices.Collect(maps.Keys(c.Values)), func(column string) bool { return strings.EqualFold(column, name) }) {
			c.Values[name] = c.Key[i]
		}
	}
	c.Verb, c.Key = sqlite.SQLiteRowsUpsert, nil
	return nil
}

// writeRow writes the one row that a request is about; with says what changes.
func (a *api) writeRow(
	w http.ResponseWriter, r *http.Request, in *writeRowIn, with func(sqlite.SQLiteSchemaTable, *data.Change) error,
) error {
	v, t, err := a.table(r.Context(), &in.tableIn)
	if err != nil {
		return err
	}
	c := data.Change{Table: t.Name}
	if c.Key, err = data.ParseKey(t, in.Key); err != nil {
		return err
	}
	if c.Match, err = ifMatch(r.Header.Values("If-Match")); err != nil {
		return err
	}
	if err := with(t, &c); err != nil {
		return err
	}
	results, err := write(r.Context(), v, []data.Change{c}, in.DryRun)
	if err != nil {
		return err
	}
	if results[0].ETag != "" {
		w.Header().Set("ETag", quoteTag(results[0].ETag))
	}
	return respond(w, http.StatusOK, []data.Change{c}, results, in.DryRun)
}

func (a *api) writeBatch(w http.ResponseWriter, r *http.Request, in *batchIn) error {
	v, err := a.view(r.Context(), in.DB)
	if err != nil {
		return err
	}
	body, err := readBody[batchBody](w, r)
	if err != nil {
		return err
	}
	changes := make([]data.Change, len(body.Changes))
	for i, c := range body.Changes {
		if changes[i], err = c.change(r.Context(), v); err != nil {
			return &data.WriteError{Index: i, Err: err}
		}
	}
	results, err := write(r.Context(), v, changes, in.DryRun)
	if err != nil {
		return err
	}
	return respond(w, http.StatusOK, changes, results, in.DryRun)
}

func (c batchChange) change(ctx context.Context, v *data.View) (data.Change, error) {
	made := data.Change{Table: c.Table, Verb: sqlite.SQLiteRowsWriteVerb(c.Verb), Values: row(c.Values).values()}
	t, err := v.Table(ctx, c.Table)
	if err != nil {
		return made, err
	}
	if c.Key != "" {
		if made.Key, err = data.ParseKey(t, c.Key); err != nil {
			return made, err
		}
	}
	if c.IfMatch != "" {
		made.Match, err = ifMatch([]string{c.IfMatch})
	}
	return made, err
}

// write makes changes, of which there may be neither none nor too many.
func write(ctx context.Context, v *data.View, changes []data.Change, dryRun bool) ([]data.Result, error) {
	switch {
	case len(changes) == 0:
		return nil, &core.Error{Code: core.CodeInvalid, Message: "there is nothing to write"}
	case len(changes) > maxChanges:
		return nil, &core.Error{
			Code: core.CodeTooLarge, Message: fmt.Sprintf("%d changes are more than %d", len(changes), maxChanges), Hint: "send several requests",
		}
	}
	return v.Write(ctx, changes, dryRun)
}

func respond(w http.ResponseWriter, status int, changes []data.Change, results []data.Result, dryRun bool) error {
	out := written{Results: make([]writtenRow, len(results)), DryRun: dryRun}
	for i, r := range results {
		out.Results[i] = writtenRow{Table: changes[i].Table, Key: r.Key, ETag: quoteTag(r.ETag)}
	}
	return fnhttp.HTTPJSONWrite(w, status, out)
}

func quoteTag(tag string) string {
	if tag == "" {
		return ""
	}
	return `"` + tag + `"`
}

// ifMatch reads the header If-Match, one strong ETag or *, which any row has.
func ifMatch(headers []string) (tag string, err error) {
	if len(headers) == 0 || len(headers) == 1 && strings.TrimSpace(headers[0]) == "*" {
		return "", nil
	}
	tag = strings.TrimSpace(headers[0])
	inner, opened := strings.CutPrefix(tag, `"`)
	inner, closed := strings.CutSuffix(inner, `"`)
	if len(headers) > 1 || !opened || !closed || inner == "" || strings.Contains(inner, `"`) {
		return "", &core.Error{Code: core.CodeInvalid, Message: "If-Match is not one strong ETag in quotes", Hint: "send the row's ETag as it came"}
	}
	inner, _, _ = strings.Cut(inner, ".") // getRow adds what belongs to the response alone
	return inner, nil
}

// writeProblem shows an error of writing: a row that has changed is 412, and
// the member change says which change it is about.
func writeProblem(err error) error {
	failed, ok := errors.AsType[*data.WriteError](err)
	if !ok {
		return err
	}
	problem := &fnhttp.HTTPProblemError{Err: err, Members: map[string]any{"change": failed.Index}}
	if failed.Changed {
		problem.Status = http.StatusPreconditionFailed
	}
	return problem
}
