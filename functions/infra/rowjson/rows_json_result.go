package rowjson

// RowsJSONResult says what a query's rows became in JSON.
//
// More in rows_json_result.md:
//   - It is also valid if there is an error: Bytes above 0 means that something
//     was written already.
type RowsJSONResult struct {
	Columns   []RowsJSONColumn `json:"columns"`
	Rows      int              `json:"rows"`
	Bytes     int64            `json:"bytes"`
	Truncated bool             `json:"truncated"` // a limit cut the result: there are more rows
}

// RowsJSONColumn is one column of a result.
type RowsJSONColumn struct {
	Name string `json:"name"` // the key in each object; repeated names have _2, _3, ... appended
	Type string `json:"type"` // the database's name for the type, "" where it has none
}
