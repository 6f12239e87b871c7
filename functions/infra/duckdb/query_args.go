//go:build cgo

package duckdb

import (
	sqldriver "database/sql/driver"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"math/big"
	"reflect"
	"time"
	"unicode/utf8"

	driver "github.com/duckdb/duckdb-go/v2"
)

// convertArg turns a parameter into a value that the driver binds correctly. A
// json.Number, as decoded with UseNumber, becomes an integer or a real;
// database/sql would refuse the upper half of uint64.
func convertArg(value any) (any, error) {
	switch v := value.(type) {
	case nil, bool, []byte, time.Time, driver.Interval, driver.UUID, *driver.UUID, *big.Int:
		return value, nil
	case json.Number:
		if n, err := v.Int64(); err == nil {
			return n, nil
		}
		f, err := v.Float64()
		if err != nil {
			return nil, fmt.Errorf("%q is not a number", string(v))
		}
		return f, nil
	case string:
		if !utf8.ValidString(v) {
			return nil, errNotUTF8
		}
		return v, nil
	case uint64:
		if v > math.MaxInt64 {
			return new(big.Int).SetUint64(v), nil
		}
		return v, nil
	case sqldriver.Valuer:
		return value, nil
	}
	switch reflect.TypeOf(value).Kind() {
	case reflect.Chan, reflect.Func, reflect.Struct, reflect.UnsafePointer, reflect.Complex64, reflect.Complex128:
		return nil, fmt.Errorf("a %T can't be bound", value)
	}
	return value, nil
}

var errNotUTF8 = errors.New("text is not UTF-8")
