package cron_test

import (
	"slices"
	"testing"
	"time"

	"fnregistry.dev/functions/core"
	"fnregistry.dev/functions/infra/cron"
)

func dueBetween(tb testing.TB, expr string, from, to time.Time) []string {
	tb.Helper()
	times, err := cron.CronBetween(expr, from, to)
	if err != nil {
		tb.Fatalf("%s: %v", expr, err)
	}
	var got []string
	for at := range times {
		got = append(got, at.Format(layout))
	}
	return got
}

func TestCronBetween_Edges(t *testing.T) {
	t.Parallel()
	at := func(clock string) time.Time {
		t.Helper()
		v, err := time.Parse(time.DateTime+".9", "2026-02-11 "+clock)
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
	for _, c := range []struct {
		expr, from, to string
		want           []string
	}{
		{"0 * * * *", "10:00:00", "12:00:00", []string{"10:00:00", "11:00:00"}},
		{"0 * * * *", "10:00:00.5", "12:00:00.5", []string{"11:00:00", "12:00:00"}},
		{"0 * * * *", "10:00:00", "10:00:00", nil},
		{"0 * * * *", "10:00:00", "10:00:00.1", []string{"10:00:00"}},
		{"0 * * * *", "12:00:00", "10:00:00", nil},
		{"@every 40m", "10:00:00", "11:20:00", []string{"10:40:00"}},
		{"*/20 * * * * *", "10:00:59", "10:01:30", []string{"10:01:00", "10:01:20"}},
	} {
		var want []string
		for _, clock := range c.want {
			want = append(want, "2026-02-11 "+clock+" +0000")
		}
		if got := dueBetween(t, c.expr, at(c.from), at(c.to)); !slices.Equal(got, want) {
			t.Errorf("%s from %s to %s: got %v, want %v", c.expr, c.from, c.to, got, want)
		}
	}
}

func TestCronBetween_ClockChanges(t *testing.T) {
	t.Parallel()
	berlin := zone(t, "Europe/Berlin")
	for _, c := range []struct {
		expr     string
		from, to time.Time
		want     []string
	}{
		{
			"30 2 * * *", time.Date(2026, 3, 28, 0, 0, 0, 0, berlin), time.Date(2026, 3, 31, 0, 0, 0, 0, berlin),
			[]string{"2026-03-28 02:30:00 +0100", "2026-03-29 03:00:00 +0200", "2026-03-30 02:30:00 +0200"},
		},
		{
			"30 2 * * *", time.Date(2026, 10, 25, 0, 0, 0, 0, berlin), time.Date(2026, 10, 26, 0, 0, 0, 0, berlin),
			[]string{"2026-10-25 02:30:00 +0200"},
		},
		{
			"*/30 * * * *", time.Date(2026, 10, 25, 1, 31, 0, 0, berlin), time.Date(2026, 10, 25, 3, 0, 0, 0, berlin),
			[]string{
				"2026-10-25 02:00:00 +0200", "2026-10-25 02:30:00 +0200",
				"2026-10-25 02:00:00 +0100", "2026-10-25 02:30:00 +0100",
			},
		},
	} {
		if got := dueBetween(t, c.expr, c.from, c.to); !slices.Equal(got, c.want) {
			t.Errorf("%s: got %v, want %v", c.expr, got, c.want)
		}
	}
}

// Windows that meet have together just the times of the whole, wherever they
// meet: in the repeated hour, in the skipped one, at a due time and next to it.
func TestCronBetween_WindowsMeet(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"Europe/Berlin", "America/St_Johns", "Australia/Lord_Howe", "UTC"} {
		loc := zone(t, name)
		for _, expr := range []string{"30 2 * * *", "0 1-3 * * *", "*/15 * * * *", "15,45 1,2 * * *"} {
			for _, day := range []time.Time{
				time.Date(2026, 3, 29, 0, 0, 0, 0, loc), time.Date(2026, 10, 25, 0, 0, 0, 0, loc),
				time.Date(2026, 11, 1, 0, 0, 0, 0, loc), time.Date(2026, 4, 5, 0, 0, 0, 0, loc),
			} {
				end := day.Add(30 * time.Hour)
				whole := dueBetween(t, expr, day, end)
				for middle := day; middle.Before(end); middle = middle.Add(31*time.Minute + 500*time.Millisecond) {
					for _, at := range []time.Time{middle, middle.Truncate(15 * time.Minute)} {
						parts := slices.Concat(dueBetween(t, expr, day, at), dueBetween(t, expr, at, end))
						if at.After(day) && !slices.Equal(parts, whole) {
							t.Fatalf("%s in %s, parted at %v:\n%v\n%v", expr, name, at, parts, whole)
						}
					}
				}
			}
		}
	}
}

func TestCronBetween_Invalid(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 2, 11, 0, 0, 0, 0, time.UTC)
	far := time.Date(10_000, 1, 1, 0, 0, 0, 0, time.UTC)
	for _, c := range []struct {
		expr     string
		from, to time.Time
	}{
		{"* * *", now, now}, {"0 0 31 2 *", now, now.AddDate(1, 0, 0)}, {"* * * * *", now, far}, {"* * * * *", far, now},
	} {
		if _, err := cron.CronBetween(c.expr, c.from, c.to); core.ErrorCode(err) != core.CodeInvalid {
			t.Errorf("%s from %v to %v: %v", c.expr, c.from, c.to, err)
		}
	}
}

// A walk can be ended early, and repeated.
func TestCronBetween_Lazy(t *testing.T) {
	t.Parallel()
	from := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	times, err := cron.CronBetween("* * * * * *", from, from.AddDate(7000, 0, 0))
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		var got []time.Time
		for at := range times {
			if got = append(got, at); len(got) == 3 {
				break
			}
		}
		if len(got) != 3 || !got[0].Equal(from) || !got[2].Equal(from.Add(2*time.Second)) {
			t.Errorf("%v", got)
		}
	}
	last := time.Date(9999, 12, 31, 23, 59, 59, 0, time.UTC)
	if got := dueBetween(t, "0 0 1 1 *", last.AddDate(-1, 0, 0), last); !slices.Equal(got, []string{"9999-01-01 00:00:00 +0000"}) {
		t.Errorf("%v", got)
	}
}

func BenchmarkCronBetween(b *testing.B) {
	from := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	n := 0
	for b.Loop() {
		times, err := cron.CronBetween("*/5 * * * *", from, from.AddDate(0, 0, 7))
		if err != nil {
			b.Fatal(err)
		}
		for range times {
			n++
		}
	}
	b.ReportMetric(float64(n)/b.Elapsed().Seconds(), "times/s")
}
