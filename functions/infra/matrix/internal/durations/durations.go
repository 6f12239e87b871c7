// Package durations has the one way in which the durations of Config structs
// are read: zero is the documented default, and a negative one is an error.
package durations

import (
	"time"

	"fnregistry.dev/functions/core"
)

// Field is a duration of a Config struct.
type Field struct {
	Name    string
	Value   *time.Duration
	Default time.Duration
}

// Fill puts the defaults in. CodeInvalid for a negative duration.
func Fill(op string, fields ...Field) error {
	for _, field := range fields {
		if *field.Value < 0 {
			return &core.Error{
				Code: core.CodeInvalid, Op: op, Message: field.Name + " is negative", Hint: "leave it zero for the default, " + field.Default.String(),
			}
		}
		if *field.Value == 0 {
			*field.Value = field.Default
		}
	}
	return nil
}
