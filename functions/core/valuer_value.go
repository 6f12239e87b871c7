package core

import (
	"database/sql/driver"
	"fmt"
	"reflect"
)

// ValuerValue returns what a Valuer says its value is, as database/sql does:
// nil for a nil pointer to a type that has the method itself, which can't be
// called then. A panic of the method is an error here, so that one bad value
// doesn't end the program where it is read on another goroutine.
//
// Errors: CodeInvalid for a panic; the method's own, wrapped with the code of
// its own. Their text has the value's type, not the value.
//
// More in valuer_value.md:
//   - A method on the pointer is called on a nil one, too: it may return NULL
//     itself.
//   - It is as pure as the method that it calls.
func ValuerValue(valuer driver.Valuer) (value driver.Value, err error) {
	v := reflect.ValueOf(valuer)
	if v.Kind() == reflect.Pointer && v.IsNil() && v.Type().Elem().Implements(reflect.TypeFor[driver.Valuer]()) {
		return nil, nil
	}
	defer func() {
		if p := recover(); p != nil {
			value = nil
			err = &Error{Code: CodeInvalid, Op: "valuer_value", Message: fmt.Sprintf("the Value method of a %T panicked", valuer)}
		}
	}()
	value, err = valuer.Value()
	if err != nil {
		return nil, &Error{Op: "valuer_value", Message: fmt.Sprintf("the Value method of a %T", valuer), Err: err}
	}
	return value, nil
}
