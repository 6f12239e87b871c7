package core_test

import (
	"encoding/json"
	"math"
	"math/big"
	"reflect"
	"strings"
	"testing"

	"fnregistry.dev/functions/core"
)

type namedNumber int8

func TestNumberExact_Stays(t *testing.T) {
	t.Parallel()
	seven := 7
	for _, c := range []struct{ value, want any }{
		{7, int8(7)},
		{&seven, int16(7)},
		{uint64(math.MaxUint64), uint64(math.MaxUint64)},
		{int64(math.MinInt64), int64(math.MinInt64)},
		{-128.0, int8(-128)},
		{-9.223372036854775808e18, int64(math.MinInt64)},
		{namedNumber(-5), int32(-5)},
		{5, namedNumber(5)},
		{json.Number("12"), uint16(12)},
		{json.Number("1e2"), 100},
		{json.Number("9007199254740993"), int64(9007199254740993)},
		{big.NewInt(255), uint8(255)},
		{1 << 53, float64(1 << 53)},
		{json.Number("0.1"), 0.1},
		{0.1, float32(0.1)},
		{1 << 24, float32(1 << 24)},
		{math.Inf(-1), float32(math.Inf(-1))},
		{math.SmallestNonzeroFloat32, float32(math.SmallestNonzeroFloat32)},
	} {
		got, err := core.NumberExact(c.value, reflect.TypeOf(c.want))
		if err != nil || got != c.want {
			t.Errorf("%T %v: got %T %v, %v; want %T %v", c.value, c.value, got, got, err, c.want, c.want)
		}
	}
	if got, err := core.NumberExact(math.NaN(), reflect.TypeFor[float32]()); err != nil || !math.IsNaN(float64(got.(float32))) {
		t.Errorf("NaN: %v, %v", got, err)
	}
	var none *int
	var noInt *big.Int
	for _, value := range []any{none, noInt} {
		if got, err := core.NumberExact(value, reflect.TypeFor[int]()); got != nil || err != nil {
			t.Errorf("%T nil: %v, %v", value, got, err)
		}
	}
}

// The result is a copy: changing the input does not affect it.
func TestNumberExact_BigInt(t *testing.T) {
	t.Parallel()
	given := new(big.Int).Lsh(big.NewInt(1), 127)
	got, err := core.NumberExact(given, reflect.TypeFor[*big.Int]())
	given.SetInt64(0)
	if err != nil || got.(*big.Int).BitLen() != 128 {
		t.Errorf("%v, %v", got, err)
	}
	if got, err := core.NumberExact(1e30, reflect.TypeFor[*big.Int]()); err != nil || got.(*big.Int).String() != "1000000000000000019884624838656" {
		t.Errorf("%v, %v", got, err)
	}
}

func TestNumberExact_Text(t *testing.T) {
	t.Parallel()
	type named string
	for _, c := range []struct{ value, want any }{
		{"12", int64(12)}, {"-7.0", int64(-7)}, {named("12"), int64(12)}, {"1e3", int64(1000)}, {json.Number("12"), int64(12)},
		{"0.5", 0.5}, {"Infinity", math.Inf(1)}, {"-Infinity", math.Inf(-1)},
	} {
		got, err := core.NumberExact(c.value, reflect.TypeOf(c.want))
		if err != nil || got != c.want {
			t.Errorf("%q: got %v, %v, want %v", c.value, got, err, c.want)
		}
	}
}

func TestNumberExact_WouldChange(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		value, to any
		want      string
	}{
		{1.5, 0, "not whole"},
		{-1.9, int64(0), "not whole"},
		{math.NaN(), int8(0), "not whole"},
		{math.Inf(1), int8(0), "not whole"},
		{300, int8(0), "range"},
		{-1, uint8(0), "range"},
		{9.3e18, int64(0), "range"},
		{uint64(1 << 63), int64(0), "range"},
		{new(big.Int).Lsh(big.NewInt(1), 64), uint64(0), "range"},
		{1e300, float32(0), "range"},
		{1e-300, float32(0), "range"},
		{1<<53 + 1, 0.0, "more digits"},
		{1<<24 + 1, float32(0), "more digits"},
		{new(big.Int).Lsh(big.NewInt(1), 2000), 0.0, "range"},
		{json.Number("1e999"), 0.0, "range"},
		{json.Number("0x10"), 0, "no number"},
		{json.Number("1_0.5"), 0.0, "no number"},
		{"NaN", 0, "not whole"},
		{"nan", 0.0, "no number"},
		{"", 0, "no number"},
		{" 7", 0, "no number"},
		{"+7", 0, "no number"},
		{"007", 0.0, "no number"},
		{"null", 0, "no number"},
		{"1.5", 0, "not whole"},
		{true, 0, "a bool is no number"},
		{nil, 0, "is no number"},
		{1, "", "no type of numbers"},
	} {
		got, err := core.NumberExact(c.value, reflect.TypeOf(c.to))
		if got != nil || core.ErrorCode(err) != core.CodeInvalid || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%T %v to %T: got %v, %v; want %q", c.value, c.value, c.to, got, err, c.want)
		}
	}
}
