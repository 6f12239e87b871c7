package id

import (
	"testing"
	"testing/synctest"
	"time"
)

// The clock of the bubble starts in 2000, long before the IDs that other tests
// have made: as if it had been put back.
func TestIDNew_ClockPutBack(t *testing.T) {
	t.Parallel()
	before := IDNew()
	synctest.Test(t, func(t *testing.T) {
		if now := time.Now(); now.Year() != 2000 {
			t.Fatalf("the bubble's clock says %v", now)
		}
		for range 10_000 {
			next := IDNew()
			if next <= before {
				t.Fatalf("%s comes after %s", next, before)
			}
			before = next
		}
	})
}

func TestIDNew_Format(t *testing.T) {
	t.Parallel()
	// RFC 9562, appendix A.6.
	at := time.Date(2022, 2, 22, 19, 22, 22, 0, time.UTC).UnixMilli()<<12 | 0xcc3
	if got, want := format(at, 0x18c4dc0c0c07398f), "017f22e2-79b0-7cc3-98c4-dc0c0c07398f"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}
