package api

import (
	"hash/maphash"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"fnregistry.dev/apps/sqlite_api/data"
	"fnregistry.dev/functions/core"
	fnhttp "fnregistry.dev/functions/infra/http"
	"fnregistry.dev/functions/infra/http/httpapi"
	"fnregistry.dev/functions/infra/sqlite"
)

// The forms of rows.
const (
	typeJSON   = "application/json"
	typeNDJSON = "application/x-ndjson"
	typeCSV    = "text/csv"
)

var formats = map[string]string{"json": typeJSON, "ndjson": typeNDJSON, "csv": typeCSV}

// format is the form of a response: the parameter wins over Accept.
func format(w http.ResponseWriter, r *http.Request, parameter string) string {
	w.Header().Add("Vary", "Accept")
	if parameter != "" {
		return formats[parameter]
	}
	return fnhttp.HTTPAccept(r, typeJSON, typeNDJSON, typeCSV)
}

// rows are the endpoints of a table's rows.
func (a *api) rows() []httpapi.HTTPAPIEndpoint {
	return []httpapi.HTTPAPIEndpoint{
		httpapi.HTTPAPIRaw(httpapi.HTTPAPIEndpoint{
			Method: http.MethodGet, Path: "/api/v1/{db}/tables/{table}/rows", Name: "listRows", Tag: "rows", Errors: statuses, Problem: sqlProblem,
			Summary: "Rows of a table: filtered, sorted, page by page or all of them",
			Description: "Filters are parameters called as a column: age=gte.18, name=ilike.*an*, id=in.(1,2), at=is.null, data->>city=eq.Paris, " +
				"or=(age.lt.18,age.gt.65); each of them holds. JSON is a page, of 100 rows unless limit says otherwise. NDJSON and CSV are all rows " +
				"unless there is a limit, as they come, and the trailer Truncated says whether there are more. Whole numbers beyond 2^53 are strings in JSON; a blob is an object that says where its bytes are.",
			Responses: []httpapi.HTTPAPIResponse{{Type: typeJSON, Go: typeOf[rowsOut]()}, {Type: typeNDJSON}, {Type: typeCSV}},
		}, a.listRows),
		httpapi.HTTPAPIRaw(httpapi.HTTPAPIEndpoint{
			Method: http.MethodGet, Path: "/api/v1/{db}/tables/{table}/rows/{key}", Name: "getRow", Tag: "rows", Errors: statuses, Problem: sqlProblem,
			Summary: "One row by its key, and where its foreign keys lead in both directions",
			Description: "The key is the values of the primary key with commas between them, or the rowid, as the rows' member _key has it. " +
				"Its ETag, or Row-Version, is for If-Match, when the row is changed.",
			Responses: []httpapi.HTTPAPIResponse{{Type: typeJSON, Go: typeOf[rowOut]()}},
			Headers:   []httpapi.HTTPAPIHeader{{Name: "Row-Version", Doc: "The state of the row, for If-Match."}},
		}, a.getRow),
		httpapi.HTTPAPIRaw(httpapi.HTTPAPIEndpoint{
			Method: http.MethodGet, Path: "/api/v1/{db}/tables/{table}/rows/{key}/columns/{column}", Name: "getValue", Tag: "rows", Errors: statuses, Problem: sqlProblem,
			Summary:   "One value of a row as it is stored: the bytes of a blob, or a text",
			Responses: []httpapi.HTTPAPIResponse{{Type: "application/octet-stream"}, {Type: "text/plain"}, {Type: "image/png"}, {Type: "image/jpeg"}, {Type: "image/gif"}, {Type: "image/webp"}},
		}, a.getValue),
		httpapi.HTTPAPIJSON(httpapi.HTTPAPIEndpoint{
			Method: http.MethodGet, Path: "/api/v1/{db}/tables/{table}/facets", Name: "listFacets", Tag: "rows", Errors: statuses, Problem: sqlProblem,
			Summary:     "How often each value of a column is among the rows, the most frequent first",
			Description: "It takes the same filters as the rows. What takes longer than 200 ms is given up, and too_slow says so.",
		}, 0, a.listFacets),
	}
}

// filterIn are the parameters that say which rows are meant.
type filterIn struct {
	tableIn
	Search  string     `query:"search" json:"-" doc:"Words that the table's full-text index shall have, taken literally."`
	Filters url.Values `query:"*" json:"-" doc:"Filters by column, such as age=gte.18, and or, and, not.or, not.and."`
}

func (in *filterIn) request() (data.RowsRequest, error) {
	r, err := data.ParseRows(in.Filters)
	r.Search = in.Search
	return r, err
}

type listRowsIn struct {
	filterIn
	Select string `query:"select" json:"-" doc:"Columns, with an alias or a place in JSON if need be: id,title:name,data->>city. Empty: all."`
	Order  string `query:"order" json:"-" doc:"Columns to sort by: name.desc.nullslast,id. The key is added."`
	Limit  *int   `query:"limit" json:"-" doc:"Rows at most. JSON has 100 unless this says otherwise." min:"1" max:"1000000"`
	Cursor string `query:"cursor" json:"-" doc:"next or prev of another page, with the same order."`
	Offset *int   `query:"offset" json:"-" doc:"Rows passed over, for tables and views without a key." min:"0" max:"1000000000"`
	Count  string `query:"count" json:"-" doc:"How many rows there are without a limit." enum:"exact,estimated,none" default:"none"`
	Format string `query:"format" json:"-" doc:"The form of the response, instead of by Accept." enum:"json,ndjson,csv"`
}

// rowsOut is the JSON of a page, for the document.
type rowsOut struct {
	Columns    []columnOut      `json:"columns"`
	Rows       []map[string]any `json:"rows" doc:"One object for each row, with _key, the row's key in URLs, where it has one."`
	Next       *string          `json:"next" doc:"The cursor of the next page; null: there is none."`
	Prev       *string          `json:"prev" doc:"The cursor of the page before; null: there is none."`
	NextOffset *int             `json:"next_offset" doc:"The offset of the next page of a table without a key; null: there is none."`
	Count      *countOut        `json:"count" doc:"null unless it was asked for."`
}

type columnOut struct {
	Name string `json:"name"`
	Type string `json:"type" doc:"As declared; empty: none."`
}

// The most rows and bytes of a value in a page of JSON.
const (
	pageRows    = 100
	pageRowsMax = 1000
	pageClip    = 1 << 20
)

func (a *api) listRows(w http.ResponseWriter, r *http.Request, in *listRowsIn) error {
	v, t, err := a.table(r.Context(), &in.tableIn)
	if err != nil {
		return err
	}
	for name, value := range map[string]string{"select": in.Select, "order": in.Order} {
		if value != "" {
			in.Filters.Set(name, value)
		}
	}
	request, err := in.request()
	if err != nil {
		return err
	}
	request.Cursor = in.Cursor
	if in.Offset != nil {
		request.Offset = *in.Offset
	}
	form := format(w, r, in.Format)
	if form != typeJSON {
		if in.Limit != nil {
			request.Limit = *in.Limit
		}
		return stream(w, r, v, t, request, form)
	}
	request.Limit, request.Clip = pageRows, pageClip
	if in.Limit != nil {
		if request.Limit = *in.Limit; request.Limit > pageRowsMax {
			return &core.Error{
				Code: core.CodeInvalid, Message: "a page of JSON has 1000 rows at most", Hint: "go on by next, or take ?format=ndjson, which has all rows",
			}
		}
	}
	page, err := v.Page(r.Context(), t.Name, request)
	if err != nil {
		return err
	}
	var count *sqlite.SQLiteRowCountResult
	if in.Count != "none" {
		within := time.Duration(0)
		if in.Count == "exact" {
			within = -1
		}
		counted, err := v.Count(r.Context(), t.Name, request, within, false)
		if err != nil {
			return err
		}
		count = &counted
	}
	body := newEncoder(v.Name(), t.Name).page(page, count)
	w.Header().Set("Content-Type", typeJSON)
	w.Header().Set("ETag", tag(body))
	_, _ = w.Write(body) // the client is gone
	return nil
}

var tagSeed = maphash.MakeSeed()

// tag is the ETag of a body, in this process: the hash that http_conditional
// would take instead costs a tenth of a page's time.
func tag(body []byte) string {
	return strconv.Quote(strconv.FormatUint(maphash.Bytes(tagSeed, body), 36))
}

type getRowIn struct {
	tableIn
	Key string `path:"key" json:"-" doc:"The row's key."`
}

type rowOut struct {
	Columns      []columnOut    `json:"columns"`
	Row          map[string]any `json:"row"`
	Links        []linkOut      `json:"links" doc:"The rows that its foreign keys point to."`
	ReferencedBy []referenceOut `json:"referenced_by" doc:"The rows of other tables that point to it."`
}

type linkOut struct {
	Columns []string `json:"columns"`
	Table   string   `json:"table"`
	Href    string   `json:"href"`
}

type referenceOut struct {
	Table   string   `json:"table"`
	Columns []string `json:"columns"`
	Href    string   `json:"href"`
	Rows    countOut `json:"rows"`
}

func (a *api) getRow(w http.ResponseWriter, r *http.Request, in *getRowIn) error {
	ctx := r.Context()
	v, t, err := a.table(ctx, &in.tableIn)
	if err != nil {
		return err
	}
	return v.Row(ctx, t.Name, in.Key, func(page *data.RowPage) error { return writeRow(w, r, v, t, page) })
}

func writeRow(w http.ResponseWriter, r *http.Request, v *data.View, t sqlite.SQLiteSchemaTable, page *data.RowPage) error {
	ctx := r.Context()
	links, err := v.Links(ctx, t, page.Columns, page.Row)
	if err != nil {
		return err
	}
	references, err := v.References(ctx, t, page.Columns, page.Row)
	if err != nil {
		return err
	}
	e := newEncoder(v.Name(), t.Name)
	w.Header().Set("Content-Type", typeJSON)
	w.Header().Set("Row-Version", strconv.Quote(page.Version))
	body := e.row(page, links, references)
	// For If-Match only the first part counts: the links may change, too.
	w.Header().Set("ETag", strconv.Quote(page.Version+"."+string(core.HashContent(body))))
	_, _ = w.Write(body) // the client is gone
	return nil
}

type facetsIn struct {
	filterIn
	Column string `query:"column" json:"-" doc:"A column, or a place in its JSON." required:"true"`
	Limit  *int   `query:"limit" json:"-" doc:"Values at most." min:"1" max:"1000" default:"20"`
}

type facetsOut struct {
	Values  []facetOut `json:"values"`
	More    bool       `json:"more" doc:"There are more values than limit."`
	TooSlow bool       `json:"too_slow" doc:"It took too long: values is empty."`
}

type facetOut struct {
	Value rawJSON `json:"value"`
	Rows  int64   `json:"rows"`
}
