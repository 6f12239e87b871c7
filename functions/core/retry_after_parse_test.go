package core_test

import (
	"math"
	"net/http"
	"strconv"
	"testing"
	"time"

	"fnregistry.dev/functions/core"
)

var retryNow = time.Date(2026, time.March, 1, 12, 0, 0, 0, time.UTC)

func TestRetryAfterParse_Header(t *testing.T) {
	t.Parallel()
	for header, want := range map[string]time.Duration{
		"0":                              0,
		"120":                            2 * time.Minute,
		" \t7 ":                          7 * time.Second,
		"007":                            7 * time.Second,
		"3600":                           time.Hour,
		"3601":                           time.Hour, // the default limit
		"99999999999999999999999999999":  time.Hour,
		"Sun, 01 Mar 2026 12:00:30 GMT":  30 * time.Second,
		"Sunday, 01-Mar-26 12:00:30 GMT": 30 * time.Second,
		"Sun Mar  1 12:00:30 2026":       30 * time.Second,
		"Sun, 01 Mar 2026 11:59:59 GMT":  0, // in the past
		"Fri, 31 Dec 9999 23:59:59 GMT":  time.Hour,
		"Mon, 01 Jan 0001 00:00:00 GMT":  0,
	} {
		if got, ok := core.RetryAfterParse(header, nil, retryNow, 0); got != want || !ok {
			t.Errorf("%q: got %v, %v, want %v", header, got, ok, want)
		}
	}
}

func TestRetryAfterParse_Garbage(t *testing.T) {
	t.Parallel()
	for _, header := range []string{
		"", " ", "-1", "+1", "1.5", "1e3", "0x10", "1 2", "soon", "1, 2", "٣", "NaN", "1\n2",
		"Sun, 01 Mar 2026 12:00:30 CET", "Sun, 01 Mar 2026 12:00:30 +0000", "Sun, 32 Mar 2026 12:00:30 GMT", "2026-03-01T12:00:30Z",
	} {
		if got, ok := core.RetryAfterParse(header, nil, retryNow, 0); got != 0 || ok {
			t.Errorf("header %q: got %v, %v, want nothing", header, got, ok)
		}
	}
	for _, body := range []string{
		"", "{}", "null", "[]", "7", "{", `{"retry_after_ms":null}`, `{"retry_after_ms":-1}`, `{"retry_after_ms":"7"}`,
		`{"retry_after_ms":1e999}`, `{"retry_after_ms":7} x`, "<html>retry_after_ms: 7</html>", `{"error":{"retry_after_ms":7}}`,
	} {
		if got, ok := core.RetryAfterParse("", []byte(body), retryNow, 0); got != 0 || ok {
			t.Errorf("body %q: got %v, %v, want nothing", body, got, ok)
		}
	}
}

func TestRetryAfterParse_MatrixBody(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		header, body string
		want         time.Duration
	}{
		{"", `{"errcode":"M_LIMIT_EXCEEDED","error":"Too many requests","retry_after_ms":2000}`, 2 * time.Second},
		{"", `{"retry_after_ms":1500.5}`, 1500*time.Millisecond + 500*time.Microsecond},
		{"", `{"retry_after_ms":0}`, 0},
		{"", `{"retry_after_ms":1e300}`, time.Hour},
		{"5", `{"retry_after_ms":2000}`, 5 * time.Second}, // the header wins
		{"0", `{"retry_after_ms":2000}`, 0},
		{"soon", `{"retry_after_ms":2000}`, 2 * time.Second},
	} {
		if got, ok := core.RetryAfterParse(c.header, []byte(c.body), retryNow, 0); got != c.want || !ok {
			t.Errorf("%q %q: got %v, %v, want %v", c.header, c.body, got, ok, c.want)
		}
	}
}

func TestRetryAfterParse_Limit(t *testing.T) {
	t.Parallel()
	for limit, want := range map[time.Duration]time.Duration{
		-1: time.Hour, 0: time.Hour, time.Minute: time.Minute, 24 * time.Hour: 2 * time.Hour, math.MaxInt64: 2 * time.Hour,
	} {
		if got, _ := core.RetryAfterParse("7200", nil, retryNow, limit); got != want {
			t.Errorf("limit %v: got %v, want %v", limit, got, want)
		}
	}
	if got, ok := core.RetryAfterParse("99999999999", nil, retryNow, math.MaxInt64); got != math.MaxInt64/time.Second*time.Second || !ok {
		t.Errorf("without a limit: got %v, %v", got, ok)
	}
}

// RFC 9110: a two-digit year that seems to be more than 50 years ahead is in
// the past.
func TestRetryAfterParse_TwoDigitYear(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		header string
		now    time.Time
		passed bool
	}{
		{"Monday, 01-Jan-76 00:00:00 GMT", retryNow, false}, // 2076: 50 years ahead
		{"Monday, 01-Jan-77 00:00:00 GMT", retryNow, true},  // 1977
		{"Monday, 01-Jan-69 00:00:00 GMT", retryNow, false}, // 2069, where time.Parse alone says 1969
		{"Monday, 01-Jan-01 00:00:00 GMT", retryNow.AddDate(73, 0, 0), false},
		{"Monday, 01-Jan-98 00:00:00 GMT", retryNow.AddDate(73, 0, 0), true},
	} {
		got, ok := core.RetryAfterParse(c.header, nil, c.now, 0)
		if !ok || (got == 0) != c.passed {
			t.Errorf("%q in %d: got %v, %v, want passed %v", c.header, c.now.Year(), got, ok, c.passed)
		}
	}
}

// Dates in the preferred format agree with time.Parse, seconds with strconv,
// and no result is out of bounds.
func FuzzRetryAfterParse(f *testing.F) {
	for _, header := range []string{"", "120", "-1", "99999999999999999999", "Sun, 01 Mar 2026 12:00:30 GMT", "Sunday, 01-Mar-26 12:00:30 GMT", "Sun Mar  1 12:00:30 2026", "Monday, 29-Feb-00 00:00:00 GMT"} {
		f.Add(header, []byte(`{"retry_after_ms":2000}`), int64(1), int64(0))
	}
	f.Add("", []byte(`{"retry_after_ms":-1}`), int64(-1<<62), int64(1<<62))
	f.Fuzz(func(t *testing.T, header string, body []byte, unix, limit int64) {
		now := time.Unix(unix%(1<<40), 0).UTC()
		got, ok := core.RetryAfterParse(header, body, now, time.Duration(limit))
		ceiling := time.Duration(limit)
		if limit <= 0 {
			ceiling = time.Hour
		}
		if got < 0 || got > ceiling || (!ok && got != 0) {
			t.Fatalf("%q %q: %v, %v with limit %v", header, body, got, ok, ceiling)
		}
		if _, err := strconv.ParseUint(header, 10, 32); err == nil && !ok {
			t.Fatalf("%q is a number of seconds", header)
		}
		if date, err := time.Parse(http.TimeFormat, header); err == nil {
			if want := min(max(date.Sub(now), 0), ceiling); !ok || got != want {
				t.Fatalf("%q: got %v, %v, want %v", header, got, ok, want)
			}
		}
	})
}
