package sqliteopen

import (
	"regexp"
	"slices"
	"strings"

	"fnregistry.dev/functions/core"
)

// action is what a statement would do, as SQLite's authorizer is told while it
// prepares the statement: https://sqlite.org/c3ref/set_authorizer.html.
type action struct {
	code          int
	first, second string
	view          string // that does it; "": none, or the driver doesn't say (mattn)
}

// SQLite's numbers, https://sqlite.org/c3ref/c_alter_table.html.
const (
	actionDelete      = 9
	actionInsert      = 18
	actionPragma      = 19 // first: its name, second: its argument
	actionRead        = 20 // first: the table, second: the column
	actionSelect      = 21
	actionTransaction = 22
	actionUpdate      = 23
	actionAttach      = 24
	actionDetach      = 25
	actionFunction    = 31 // second: its name
	actionSavepoint   = 32
	actionRecursive   = 33
)

// readPragmas are those that a sandbox runs, since they only read and tell
// nothing of the machine; those with false without an argument alone.
var readPragmas = map[string]bool{
	"table_info": true, "table_xinfo": true, "table_list": true, "index_list": true, "index_info": true, "index_xinfo": true,
	"foreign_key_list": true, "foreign_key_check": true, "integrity_check": true, "quick_check": true,
	"application_id": false, "auto_vacuum": false, "collation_list": false, "compile_options": false, "data_version": false,
	"encoding": false, "foreign_keys": false, "freelist_count": false, "function_list": false, "journal_mode": false,
	"module_list": false, "page_count": false, "page_size": false, "pragma_list": false, "query_only": false,
	"schema_version": false, "user_version": false,
}

// badFunctions load code, or read and write files, in one build of SQLite or
// another.
var badFunctions = []string{"load_extension", "fts3_tokenizer", "readfile", "writefile", "edit", "sqlite_dbpage"}

// rawTables show pages and samples, among which are values of hidden columns.
var rawTables = []string{"sqlite_dbpage", "sqlite_stat2", "sqlite_stat3", "sqlite_stat4"}

// tellingWords join by columns that SQLite doesn't ask the authorizer about,
// and read rows in the order of an index, whose columns may be hidden.
var tellingWords = regexp.MustCompile(`(?i)\b(using|natural|indexed)\b`)

// sandbox decides what SQL from outside may do.
type sandbox struct {
	reads  bool // for connections that only read
	hidden func(table, column string) bool
}

// check refuses SQL that would get past allows.
func (s *sandbox) check(query string) error {
	if s == nil || s.hidden == nil || !tellingWords.MatchString(query) {
		return nil
	}
	return &core.Error{
		Code: core.CodeForbidden, Op: "sqlite_open", Message: "USING, NATURAL and INDEXED are not allowed, since they could compare hidden columns",
		Hint: "join with ON a.x = b.x; bind a text with one of these words in it as a parameter",
	}
}

// allows reports whether a statement may do a. That nothing is written on a
// reading connection is for mode=ro and query_only: virtual tables prepare
// statements that write when they are only opened.
func (s *sandbox) allows(a action) bool {
	switch a.code {
	case actionSelect, actionTransaction, actionSavepoint, actionRecursive, actionInsert, actionDelete, actionUpdate:
		return true
	case actionRead:
		if s.hidden == nil {
			return true
		}
		if slices.Contains(rawTables, strings.ToLower(a.first)) || s.hidden(a.first, a.second) {
			return false
		}
		return a.view == "" || !s.hidden(a.view, "") // SQLite may put the view's tables in its place, without asking about it
	case actionFunction:
		return !slices.Contains(badFunctions, strings.ToLower(a.second))
	case actionPragma:
		withArgument, known := readPragmas[strings.ToLower(a.first)]
		if s.hidden != nil && withArgument { // they describe all tables
			return false
		}
		return known && (withArgument || a.second == "")
	case actionAttach, actionDetach:
		return false
	}
	return !s.reads
}
