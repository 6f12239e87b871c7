package core_test

import (
	"database/sql"
	"database/sql/driver"
	"errors"
	"strings"
	"testing"

	"fnregistry.dev/functions/core"
)

type byValue struct{ n int64 }

func (v byValue) Value() (driver.Value, error) { return v.n, nil }

var errNoValue = errors.New("there is none")

type byPointer struct{ n int64 }

func (v *byPointer) Value() (driver.Value, error) {
	if v.n == 0 { // panics for nil
		return 1, errNoValue
	}
	return v.n, nil
}

func TestValuerValue_Value(t *testing.T) {
	t.Parallel()
	var none *byValue
	for valuer, want := range map[driver.Valuer]driver.Value{
		byValue{7}:        int64(7),
		&byValue{7}:       int64(7),
		none:              nil,
		&byPointer{7}:     int64(7),
		sql.NullString{}:  nil,
		&sql.NullString{}: nil,
	} {
		if got, err := core.ValuerValue(valuer); got != want || err != nil {
			t.Errorf("%T: got %v, %v; want %v", valuer, got, err, want)
		}
	}
}

func TestValuerValue_Fails(t *testing.T) {
	t.Parallel()
	var none *byPointer
	got, err := core.ValuerValue(none)
	if got != nil || core.ErrorCode(err) != core.CodeInvalid || !strings.Contains(err.Error(), "*core_test.byPointer panicked") {
		t.Errorf("nil: %v, %v", got, err)
	}
	if got, err := core.ValuerValue(&byPointer{}); got != nil || !errors.Is(err, errNoValue) || core.ErrorCode(err) != core.CodeInternal {
		t.Errorf("an error: %v, %v", got, err)
	}
}
