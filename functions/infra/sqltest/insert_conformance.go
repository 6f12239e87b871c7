package sqltest

import (
	"database/sql"
	"database/sql/driver"
	"encoding/json"
	"errors"
	"math"
	"math/big"
	"strings"
	"testing"
	"time"

	"fnregistry.dev/functions/core"
)

// InsertConformanceConfig is a driver's unit that stores rows in bulk, and how
// its database names types. All fields are required.
type InsertConformanceConfig struct {
	// Store makes a table with one column v of a type, has the unit store a
	// row of each of values, in this order, and returns v of the last row as
	// text, which is invalid for NULL. With an error of the unit it checks
	// that none of the refused rows is there, and returns the error.
	Store func(t *testing.T, typ string, rows ...[]any) (sql.Null[string], error)
	// Types that take NULL, which Bool need not.
	Int16, Int64, Float32, Float64, Bool, Text, Date, Timestamp string
	// Int32s is a type of lists of 32-bit integers.
	Int32s string
}

// InsertConformance tests, as parallel subtests of t, that units which store
// rows in bulk store each value as it is or refuse it with CodeInvalid: numbers
// that don't fit, NULL in its forms, values that say their value themselves
// (driver.Valuer), also when they fail or panic, times, and lists. Text is a
// number where JSON writes it so, or as NaN, and refused in number columns
// otherwise.
//
// What text a database reads for other types, and types of its own, are for the
// driver's own tests.
//
// More in insert_conformance.md:
//   - Store runs for each case; in-memory or unlogged tables keep the suite
//     fast.
//   - The types must accept NULL, except Bool, which may be a number if the
//     database has no booleans.
func InsertConformance(t *testing.T, setup func(t *testing.T) InsertConformanceConfig) {
	t.Helper()
	for name, check := range map[string]func(t *testing.T, cfg InsertConformanceConfig){
		"Kept":      checkKept,
		"Null":      checkNull,
		"Refused":   checkRefused,
		"RowLength": checkRowLength,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			check(t, setup(t))
		})
	}
}

type namedInt int16

// shout is a Valuer with a value receiver: it can't be called on a nil pointer.
type shout string

func (s shout) Value() (driver.Value, error) { return string(s) + "!", nil }

// brokenValuer is a Valuer with a pointer receiver that fails, and panics on a
// nil one.
type brokenValuer struct{ err error }

func (v *brokenValuer) Value() (driver.Value, error) { return nil, v.err }

var errValuer = errors.New("no value")

func checkKept(t *testing.T, cfg InsertConformanceConfig) {
	seven := 7
	hello := "hello"
	day := time.Date(2024, 2, 29, 12, 30, 45, 0, time.UTC)
	for _, c := range []struct {
		typ   string
		value any
		want  string
	}{
		{cfg.Int16, 7, "7"},
		{cfg.Int16, &seven, "7"},
		{cfg.Int16, namedInt(-7), "-7"},
		{cfg.Int16, uint64(7), "7"},
		{cfg.Int16, 7.0, "7"},
		{cfg.Int16, float32(-7), "-7"},
		{cfg.Int16, json.Number("7"), "7"},
		{cfg.Int16, math.MinInt16, "-32768"},
		{cfg.Int16, sql.NullInt64{Int64: 7, Valid: true}, "7"},
		{cfg.Int16, "7", "7"},
		{cfg.Int16, "-7.0", "-7"},
		{cfg.Int64, "9007199254740993", "9007199254740993"},
		{cfg.Float64, "1.5", "1.5"},
		{cfg.Float64, "NaN", "nan"},
		{cfg.Int64, int8(7), "7"},
		{cfg.Int64, int64(math.MinInt64), "-9223372036854775808"},
		{cfg.Int64, uint64(math.MaxInt64), "9223372036854775807"},
		{cfg.Int64, big.NewInt(7), "7"},
		{cfg.Int64, json.Number("9007199254740993"), "9007199254740993"},
		{cfg.Float64, 1.5, "1.5"},
		{cfg.Float64, float32(1.5), "1.5"},
		{cfg.Float64, json.Number("1.5"), "1.5"},
		{cfg.Float64, math.NaN(), "nan"},
		{cfg.Float32, -1.5, "-1.5"},
		{cfg.Bool, true, "true"},
		{cfg.Text, "tab\t, line\n, \\N, \"quoted\", é😀", "tab\t, line\n, \\N, \"quoted\", é😀"},
		{cfg.Text, "", ""},
		{cfg.Text, &hello, "hello"},
		{cfg.Text, shout("hello"), "hello!"},
		{cfg.Date, day, "2024-02-29"},
		{cfg.Timestamp, day, "2024-02-29 12:30:45"},
		{cfg.Int32s, []int{1, -2}, "[1,-2]"},
		{cfg.Int32s, []any{1, 2.0}, "[1,2]"},
		{cfg.Int32s, []int64{}, "[]"},
	} {
		got, err := cfg.Store(t, c.typ, []any{c.value})
		if err != nil {
			t.Errorf("%s %T %v: %v", c.typ, c.value, c.value, err)
			continue
		}
		if text := plainText(c.typ == cfg.Text, got.V); !got.Valid || text != c.want && (c.value != true || text != "1") {
			t.Errorf("%s %T %v: was read back as %q (%t)", c.typ, c.value, c.value, text, got.Valid)
		}
	}
}

// plainText removes the differences in how databases format lists and NaN.
func plainText(asIs bool, text string) string {
	if asIs {
		return text
	}
	text = strings.NewReplacer("{", "[", "}", "]", ", ", ",").Replace(strings.ToLower(text))
	return text
}

func checkNull(t *testing.T, cfg InsertConformanceConfig) {
	var noInt *int
	var noText *string
	var noShout *shout
	for _, c := range []struct {
		typ   string
		value any
	}{
		{cfg.Int16, nil},
		{cfg.Int16, noInt},
		{cfg.Int64, noInt},
		{cfg.Int64, sql.NullInt64{}},
		{cfg.Float64, noInt},
		{cfg.Text, noText},
		{cfg.Text, noShout},
		{cfg.Timestamp, sql.NullTime{}},
	} {
		if got, err := cfg.Store(t, c.typ, []any{c.value}); err != nil || got.Valid {
			t.Errorf("%s %T: %q, %v; want NULL", c.typ, c.value, got.V, err)
		}
	}
}

func checkRefused(t *testing.T, cfg InsertConformanceConfig) {
	var noValuer *brokenValuer
	for _, c := range []struct {
		typ   string
		value any
	}{
		{cfg.Int16, 1.5},
		{cfg.Int16, -1.9},
		{cfg.Int16, math.NaN()},
		{cfg.Int16, math.Inf(1)},
		{cfg.Int16, 1 << 15},
		{cfg.Int16, uint64(1 << 63)},
		{cfg.Int16, true},
		{cfg.Int16, json.Number("1.5")},
		{cfg.Int16, ""},
		{cfg.Int16, "1.5"},
		{cfg.Int16, " 7"},
		{cfg.Int16, "+7"},
		{cfg.Int16, "40000"},
		{cfg.Int16, "true"},
		{cfg.Int64, "0x10"},
		{cfg.Int64, "1_0"},
		{cfg.Int64, "NaN"},
		{cfg.Float64, "x"},
		{cfg.Float64, "inf"},
		{cfg.Float64, "9007199254740993"},
		{cfg.Int64, 1e30},
		{cfg.Int64, uint64(1 << 63)},
		{cfg.Int64, time.Unix(0, 0)},
		{cfg.Int64, new(big.Int).Lsh(big.NewInt(1), 64)},
		{cfg.Int64, noValuer},
		{cfg.Int64, &brokenValuer{errValuer}},
		{cfg.Float32, 1e300},
		{cfg.Float32, 1e-300},
		{cfg.Float32, 1<<24 + 1},
		{cfg.Float64, 1<<53 + 1},
		{cfg.Float64, false},
		{cfg.Bool, 2.5},
		{cfg.Text, 7},
		{cfg.Text, 1.5},
		{cfg.Text, noValuer},
		{cfg.Date, 7},
		{cfg.Date, time.Date(6_000_000, 1, 1, 0, 0, 0, 0, time.UTC)},
		{cfg.Timestamp, 1.5},
		{cfg.Timestamp, time.Date(300_000, 1, 1, 0, 0, 0, 0, time.UTC)},
		{cfg.Int32s, []float64{1, 1.5}},
		{cfg.Int32s, []int64{1 << 31}},
		{cfg.Int32s, []bool{true}},
		{cfg.Int32s, 7},
	} {
		_, err := cfg.Store(t, c.typ, []any{c.value})
		if core.ErrorCode(err) != core.CodeInvalid {
			t.Errorf("%s %T %v: got %v (%s), want it refused as invalid", c.typ, c.value, c.value, err, core.ErrorCode(err))
		}
	}
}

func checkRowLength(t *testing.T, cfg InsertConformanceConfig) {
	for _, row := range [][]any{{}, {1, 2}} {
		_, err := cfg.Store(t, cfg.Int16, []any{1}, row)
		if core.ErrorCode(err) != core.CodeInvalid {
			t.Errorf("%d values for one column: got %v", len(row), err)
		}
	}
}
