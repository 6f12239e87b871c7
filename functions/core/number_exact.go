package core

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"math/big"
	"reflect"
	"strconv"
)

// NumberExact converts a number to an integer or float type, or says why that
// would change it. It takes all integer and float types, named ones too,
// [*big.Int], text that is a number as JSON writes it ([json.Number], string),
// NaN, Infinity or -Infinity, and pointers to all of these; a nil pointer gives
// nil and no error. to is an integer type, float32, float64 or *big.Int.
//
// An integer type takes what is whole and within its range. A float type takes
// integers that it can represent exactly, and fractions rounded to its
// precision, unless that makes them zero or infinite. NaN and the infinities
// stay what they are in a float type and fit no other.
//
// Errors: CodeInvalid; their text has the value's type, not the value.
//
// More in number_exact.md:
//   - A float type accepts 0.1, rounded to its precision, but no whole number
//     that it can't represent: 9007199254740993 fits an int64 and no float64.
//   - NaN and the infinities fit float types only.
func NumberExact(value any, to reflect.Type) (any, error) {
	n, err := numberOf(value)
	if err != nil || n == nil {
		return nil, numberError(err)
	}
	switch kind := to.Kind(); {
	case to == reflect.TypeFor[*big.Int]():
		n, err := wholeNumber(n)
		if err != nil {
			return nil, numberError(err)
		}
		return new(big.Int).Set(n), nil
	case kind >= reflect.Int && kind <= reflect.Int64:
		return exactInt(n, to)
	case kind >= reflect.Uint && kind <= reflect.Uintptr:
		return exactUint(n, to)
	case kind == reflect.Float32 || kind == reflect.Float64:
		return exactFloat(n, to)
	}
	return nil, numberError(fmt.Errorf("%s is not a numeric type", to))
}

func numberError(err error) error {
	if err == nil {
		return nil
	}
	return &Error{Code: CodeInvalid, Op: "number_exact", Err: err}
}

var (
	errNumberRange = errors.New("the number is beyond the type's range")
	errNotWhole    = errors.New("the number is not whole")
	errNotExact    = errors.New("the whole number has more digits than the type can represent")
)

// numberOf returns a number as an int64, uint64, float64 or *big.Int; nil for a
// nil pointer.
func numberOf(value any) (any, error) {
	switch n := value.(type) {
	case *big.Int:
		if n == nil {
			return nil, nil
		}
		return n, nil
	}
	switch v := reflect.ValueOf(value); v.Kind() {
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		return v.Int(), nil
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64, reflect.Uintptr:
		return v.Uint(), nil
	case reflect.Float32, reflect.Float64:
		return v.Float(), nil
	case reflect.String:
		return numberOfText(v.String())
	case reflect.Pointer:
		if v.IsNil() {
			return nil, nil
		}
		return numberOf(v.Elem().Interface())
	}
	return nil, fmt.Errorf("a %T is not a number", value)
}

func numberOfText(text string) (any, error) {
	switch text {
	case "NaN":
		return math.NaN(), nil
	case "Infinity":
		return math.Inf(1), nil
	case "-Infinity":
		return math.Inf(-1), nil
	}
	if !isNumberText(text) { // ParseFloat takes 0x1p4, 1_0 and inf, too
		return nil, errors.New("the text is no number")
	}
	if n, ok := new(big.Int).SetString(text, 10); ok {
		return n, nil
	}
	f, err := strconv.ParseFloat(text, 64)
	if err != nil { // ErrRange alone is left
		return nil, errNumberRange
	}
	return f, nil
}

// isNumberText reports whether a text is a number in JSON's form, without
// blanks around it.
func isNumberText(text string) bool {
	return json.Valid([]byte(text)) && (text[0] == '-' || '0' <= text[0] && text[0] <= '9')
}

func wholeNumber(n any) (*big.Int, error) {
	switch n := n.(type) {
	case int64:
		return big.NewInt(n), nil
	case uint64:
		return new(big.Int).SetUint64(n), nil
	case float64:
		if n != math.Trunc(n) || math.IsInf(n, 0) { // NaN equals nothing
			return nil, errNotWhole
		}
		whole, _ := big.NewFloat(n).Int(nil)
		return whole, nil
	}
	return n.(*big.Int), nil
}

func exactInt(n any, to reflect.Type) (any, error) {
	i, ok := n.(int64)
	if !ok {
		whole, err := wholeNumber(n)
		if err != nil {
			return nil, numberError(err)
		}
		if !whole.IsInt64() {
			return nil, numberError(errNumberRange)
		}
		i = whole.Int64()
	}
	if to.OverflowInt(i) {
		return nil, numberError(errNumberRange)
	}
	return reflect.ValueOf(i).Convert(to).Interface(), nil
}

func exactUint(n any, to reflect.Type) (any, error) {
	whole, err := wholeNumber(n)
	if err != nil {
		return nil, numberError(err)
	}
	if !whole.IsUint64() || to.OverflowUint(whole.Uint64()) {
		return nil, numberError(errNumberRange)
	}
	return reflect.ValueOf(whole.Uint64()).Convert(to).Interface(), nil
}

func exactFloat(n any, to reflect.Type) (any, error) {
	f, ok := n.(float64)
	if !ok {
		whole, _ := wholeNumber(n) // an int64, uint64 or *big.Int is whole
		return exactFloatOfWhole(whole, to)
	}
	if to.OverflowFloat(f) && !math.IsInf(f, 0) || to.Kind() == reflect.Float32 && float32(f) == 0 && f != 0 {
		return nil, numberError(errNumberRange)
	}
	return reflect.ValueOf(f).Convert(to).Interface(), nil
}

func exactFloatOfWhole(n *big.Int, to reflect.Type) (any, error) {
	f, accuracy := new(big.Float).SetInt(n).Float64()
	if to.Kind() == reflect.Float32 && float64(float32(f)) != f {
		accuracy = big.Above
	}
	switch {
	case to.OverflowFloat(f), math.IsInf(f, 0):
		return nil, numberError(errNumberRange)
	case accuracy != big.Exact:
		return nil, numberError(errNotExact)
	}
	return reflect.ValueOf(f).Convert(to).Interface(), nil
}
