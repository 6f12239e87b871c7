package durations_test

import (
	"testing"
	"time"

	"fnregistry.dev/functions/core"
	"fnregistry.dev/functions/infra/matrix/internal/durations"
)

func TestFill(t *testing.T) {
	t.Parallel()
	wait, poll := time.Duration(0), 3*time.Millisecond
	fields := []durations.Field{{"Wait", &wait, time.Minute}, {"Poll", &poll, time.Second}}
	if err := durations.Fill("unit", fields...); err != nil || wait != time.Minute || poll != 3*time.Millisecond {
		t.Errorf("%v %v %v", wait, poll, err)
	}
	poll = -1
	err := durations.Fill("unit", fields...)
	if core.ErrorCode(err) != core.CodeInvalid || err.Error() != "unit: Poll is negative" || core.ErrorHint(err) == "" {
		t.Error(err)
	}
}
