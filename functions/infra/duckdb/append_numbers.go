//go:build cgo

package duckdb

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"math/big"
	"reflect"
	"strconv"
	"strings"

	driver "github.com/duckdb/duckdb-go/v2"

	"fnregistry.dev/functions/core"
)

// indirect follows pointers and returns nil for a nil one. A *big.Int counts as
// a number, not as a pointer to one.
func indirect(value any) any {
	switch value.(type) {
	case string, int, int64, float64, []byte, *big.Int:
		return value
	}
	v := reflect.ValueOf(value)
	for v.Kind() == reflect.Pointer {
		if v.IsNil() {
			return nil
		}
		v = v.Elem()
		if n, ok := v.Addr().Interface().(*big.Int); ok {
			return n
		}
	}
	if !v.IsValid() {
		return nil
	}
	return v.Interface()
}

func asArray16(value any) (bytes [16]byte, ok bool) {
	v := reflect.ValueOf(value)
	if v.Type().ConvertibleTo(reflect.TypeFor[[16]byte]()) && v.Kind() == reflect.Array {
		return v.Convert(reflect.TypeFor[[16]byte]()).Interface().([16]byte), true
	}
	return bytes, false
}

// limits is the range of an integer type. The driver would truncate a larger
// number to its low bits.
type limits struct {
	min int64
	max uint64
}

var integerLimits = map[driver.Type]limits{
	driver.TYPE_TINYINT:   {math.MinInt8, math.MaxInt8},
	driver.TYPE_SMALLINT:  {math.MinInt16, math.MaxInt16},
	driver.TYPE_INTEGER:   {math.MinInt32, math.MaxInt32},
	driver.TYPE_BIGINT:    {math.MinInt64, math.MaxInt64},
	driver.TYPE_UTINYINT:  {0, math.MaxUint8},
	driver.TYPE_USMALLINT: {0, math.MaxUint16},
	driver.TYPE_UINTEGER:  {0, math.MaxUint32},
	driver.TYPE_UBIGINT:   {0, math.MaxUint64},
}

var errRange = errors.New("the number is beyond the type's range")

func (l limits) convert(value any) (any, error) {
	switch n := value.(type) {
	case int64:
		return value, l.check(n)
	case int:
		return value, l.check(int64(n))
	case int32:
		return value, l.check(int64(n))
	}
	n, err := asInteger(value)
	switch {
	case err != nil || n == nil:
		return nil, err
	case n.IsInt64():
		return n.Int64(), l.check(n.Int64())
	case n.IsUint64() && n.Uint64() <= l.max:
		return n.Uint64(), nil
	}
	return nil, errRange
}

func (l limits) check(n int64) error {
	if n < l.min || n > 0 && uint64(n) > l.max {
		return errRange
	}
	return nil
}

// asInteger converts whole numbers of every kind; nil for a nil pointer.
func asInteger(value any) (*big.Int, error) {
	n, err := exact[*big.Int](value, "integer")
	if n == nil {
		return nil, err
	}
	return n.(*big.Int), nil
}

// exact converts a number without changing it; nil for a nil pointer. Its error
// holds only the reason.
func exact[T any](value any, want string) (any, error) {
	v := indirect(value)
	if v == nil {
		return nil, nil
	}
	if _, ok := numberText(v); !ok {
		return nil, mismatch(value, want)
	}
	n, err := core.NumberExact(v, reflect.TypeFor[T]())
	if err != nil {
		return nil, errors.Unwrap(err)
	}
	return n, nil
}

var (
	maxHugeInt  = new(big.Int).Sub(new(big.Int).Lsh(big.NewInt(1), 127), big.NewInt(1))
	minHugeInt  = new(big.Int).Neg(new(big.Int).Lsh(big.NewInt(1), 127))
	maxUHugeInt = new(big.Int).Sub(new(big.Int).Lsh(big.NewInt(1), 128), big.NewInt(1))
)

func hugeConverter(low, high *big.Int) converter {
	return func(value any) (any, error) {
		n, err := asInteger(value)
		switch {
		case err != nil || n == nil:
			return nil, err
		case n.Cmp(low) < 0 || n.Cmp(high) > 0:
			return nil, errRange
		}
		return n, nil
	}
}

// decimalConverter converts numbers and decimal text to the column's scale,
// rounded half away from zero as DuckDB's casts do. The driver would use the
// digits without the scale: 1.5 would become 0.01 in a DECIMAL(5,2).
func decimalConverter(width, scale uint8) converter {
	limit := new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(width)), nil)
	return func(value any) (any, error) {
		v := indirect(value)
		text, ok := numberText(v)
		if !ok {
			return orNil(value, "number")
		}
		digits, err := scaleDecimal(text, int(scale))
		if err != nil {
			return nil, err
		}
		if digits.CmpAbs(limit) >= 0 {
			return nil, fmt.Errorf("beyond the range of DECIMAL(%d,%d)", width, scale)
		}
		return driver.Decimal{Width: width, Scale: scale, Value: digits}, nil
	}
}

// numberText formats a number in decimal.
func numberText(value any) (string, bool) {
	switch v := value.(type) {
	case string:
		return v, true
	case json.Number:
		return string(v), true
	case *big.Int:
		return v.String(), true
	case driver.Decimal:
		if v.Value == nil {
			return "", false
		}
		return decimalText(v), true
	}
	switch v := reflect.ValueOf(value); v.Kind() {
	case reflect.Float32:
		return strconv.FormatFloat(v.Float(), 'f', -1, 32), true
	case reflect.Float64:
		return strconv.FormatFloat(v.Float(), 'f', -1, 64), true
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		return strconv.FormatInt(v.Int(), 10), true
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		return strconv.FormatUint(v.Uint(), 10), true
	}
	return "", false
}

// scaleDecimal reads -12.345 as -1235 for a scale of 2. Exponents are allowed.
func scaleDecimal(text string, scale int) (*big.Int, error) {
	bad := errors.New("text is not a decimal number")
	mantissa, exponent, _ := strings.Cut(strings.ToLower(text), "e")
	if exponent != "" {
		e, err := strconv.Atoi(exponent)
		if err != nil || e < -1000 || e > 1000 {
			return nil, bad
		}
		scale += e
	} else if strings.ContainsAny(text, "eE") {
		return nil, bad
	}
	sign := strings.HasPrefix(mantissa, "-")
	mantissa = strings.TrimPrefix(strings.TrimPrefix(mantissa, "-"), "+")
	whole, fraction, _ := strings.Cut(mantissa, ".")
	digits := whole + fraction
	if digits == "" || strings.Trim(digits, "0123456789") != "" {
		return nil, bad
	}
	n, ok := new(big.Int).SetString(digits, 10)
	if !ok {
		return nil, bad
	}
	if sign {
		n.Neg(n)
	}
	return shiftDecimal(n, scale-len(fraction)), nil
}

// shiftDecimal returns n * 10^by, rounded half away from zero.
func shiftDecimal(n *big.Int, by int) *big.Int {
	if by >= 0 {
		return n.Mul(n, new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(by)), nil))
	}
	unit := new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(-by)), nil)
	half := new(big.Int).Rsh(unit, 1)
	if n.Sign() < 0 {
		half.Neg(half)
	}
	return n.Quo(n.Add(n, half), unit)
}
