package sqlite

import (
	"reflect"

	"fnregistry.dev/functions/core"
	"fnregistry.dev/functions/internal/drivererr"
)

// SQLiteError turns an error of a SQLite driver, of database/sql or of a
// context into a [*core.Error] with op before its text: busy is
// CodeUnavailable, a broken UNIQUE or FOREIGN KEY constraint CodeConflict, a
// write on a read-only database CodeForbidden, bad SQL CodeInvalid, and so on.
// An error that already is a *core.Error comes back as it is, nil as nil; one
// that nothing is known about keeps the code of its cause (core.ErrorCode finds
// it).
//
// More in sqlite_error.md:
//   - UNIQUE, PRIMARY KEY, rowid and FOREIGN KEY violations are CodeConflict;
//     NOT NULL, CHECK and a STRICT table's types are CodeInvalid.
//   - Busy and locked are CodeUnavailable: the same call may succeed later.
func SQLiteError(op string, err error) error {
	return drivererr.Coded(op, err, func(err error) core.Error {
		if code, ok := drivererr.Common(err); ok {
			return core.Error{Code: code}
		}
		if number, ok := resultCode(err); ok {
			return resultError(number)
		}
		return core.Error{}
	})
}

// resultError returns the code and the hint for one of SQLite's (extended)
// result codes, https://sqlite.org/rescode.html.
func resultError(number int) core.Error {
	if known, ok := resultErrors[number]; ok {
		return known
	}
	if known, ok := resultErrors[number&0xff]; ok { // the low byte is the primary code
		return known
	}
	return core.Error{Code: core.CodeInternal}
}

var resultErrors = map[int]core.Error{
	1:  {Code: core.CodeInvalid}, // SQLITE_ERROR: bad SQL, a missing table or column
	3:  {Code: core.CodeForbidden},
	5:  {Code: core.CodeUnavailable, Hint: "another connection or process holds the lock: try again, or set a longer busy timeout"},
	6:  {Code: core.CodeUnavailable, Hint: "another statement of this process holds the table: close its rows first"},
	7:  {Code: core.CodeTooLarge, Hint: "SQLite has no more memory, or reached sqlite_open's MemoryLimit"},
	8:  {Code: core.CodeForbidden, Hint: "the database, its folder or this connection is read-only"},
	9:  {Code: core.CodeCanceled},
	10: {Code: core.CodeUnavailable, Hint: "reading or writing the file failed: check the disk"},
	11: {Code: core.CodeInternal, Hint: "the file is damaged: restore a backup, or salvage it with sqlite3's .recover"},
	13: {Code: core.CodeUnavailable, Hint: "the disk, the quota or max_page_count is full"},
	14: {
		Code: core.CodeUnavailable,
		Hint: "check that the folder exists and that this user may write to it (-wal and -shm are next to the file)",
	},
	18: {Code: core.CodeTooLarge},
	19: {Code: core.CodeInvalid}, // SQLITE_CONSTRAINT: CHECK, NOT NULL, a STRICT table's types; the others below
	20: {Code: core.CodeInvalid},
	23: {Code: core.CodeForbidden},
	25: {Code: core.CodeInvalid},
	26: {Code: core.CodeInvalid, Hint: "the file is not a SQLite database, or an encrypted one"},

	787:  {Code: core.CodeConflict}, // SQLITE_CONSTRAINT_FOREIGNKEY
	1555: {Code: core.CodeConflict}, // SQLITE_CONSTRAINT_PRIMARYKEY
	2067: {Code: core.CodeConflict}, // SQLITE_CONSTRAINT_UNIQUE
	2579: {Code: core.CodeConflict}, // SQLITE_CONSTRAINT_ROWID
}

// resultCode finds SQLite's (extended) result code in an error without
// importing a driver: modernc.org/sqlite has a method Code() int;
// github.com/mattn/go-sqlite3 has a struct with a field of that name, which
// only reflection reads.
func resultCode(err error) (number int, ok bool) {
	if number, ok := driverCode(err); ok {
		return number, true
	}
	switch wrapper := err.(type) {
	case interface{ Unwrap() error }:
		return resultCode(wrapper.Unwrap())
	case interface{ Unwrap() []error }:
		for _, err := range wrapper.Unwrap() {
			if number, ok := resultCode(err); ok {
				return number, true
			}
		}
	}
	return 0, false
}

func driverCode(err error) (number int, ok bool) {
	value := reflect.Indirect(reflect.ValueOf(err))
	if value.Kind() != reflect.Struct {
		return 0, false
	}
	switch value.Type().PkgPath() { // codes of other libraries have other meanings
	case "modernc.org/sqlite":
		if coded, ok := err.(interface{ Code() int }); ok {
			return coded.Code(), true
		}
	case "github.com/mattn/go-sqlite3":
		for _, name := range []string{"ExtendedCode", "Code"} {
			if field := value.FieldByName(name); field.IsValid() && field.CanInt() && field.Int() != 0 {
				return int(field.Int()), true
			}
		}
	}
	return 0, false
}
