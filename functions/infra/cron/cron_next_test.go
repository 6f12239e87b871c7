package cron_test

import (
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"
	"testing"
	"time"
	_ "time/tzdata" // the tests must not depend on the machine's zone files

	robfig "github.com/robfig/cron/v3"

	"fnregistry.dev/functions/core"
	"fnregistry.dev/functions/infra/cron"
)

const layout = "2006-01-02 15:04:05 -0700"

func zone(tb testing.TB, name string) *time.Location {
	tb.Helper()
	loc, err := time.LoadLocation(name)
	if err != nil {
		tb.Fatal(err)
	}
	return loc
}

// following returns the n due times after from as text without spaces.
func following(tb testing.TB, expr string, from time.Time, n int) []string {
	tb.Helper()
	var got []string
	for range n {
		next, err := cron.CronNext(expr, from)
		if err != nil {
			tb.Fatalf("%s: %v", expr, err)
		}
		if !next.After(from) {
			tb.Fatalf("%s: %v is not after %v", expr, next, from)
		}
		got = append(got, next.Format(layout))
		from = next
	}
	return got
}

func TestCronNext_Expressions(t *testing.T) {
	t.Parallel()
	from := time.Date(2026, 2, 11, 10, 7, 30, 5e8, time.UTC) // a Wednesday
	for expr, want := range map[string]string{
		"* * * * *":             "2026-02-11 10:08:00",
		"*/15 * * * *":          "2026-02-11 10:15:00",
		"7 10 * * *":            "2026-02-12 10:07:00",
		"0 10 * * *":            "2026-02-12 10:00:00",
		"30 22 * * *":           "2026-02-11 22:30:00",
		"5/20 11-13 * * *":      "2026-02-11 11:05:00",
		"0 0 1 * *":             "2026-03-01 00:00:00",
		"0 0 31 * *":            "2026-03-31 00:00:00",
		"0 0 1 jan *":           "2027-01-01 00:00:00",
		"0 0 29 2 *":            "2028-02-29 00:00:00",
		"0 9 * * MON-FRI":       "2026-02-12 09:00:00",
		"0 9 * * sat-sun":       "2026-02-14 09:00:00",
		"0 9 */14 * SAT-SUN":    "2026-02-15 09:00:00", // both; the 14th, a Saturday, is not a 1st, 15th or 29th
		"0 9 * * 7":             "2026-02-15 09:00:00",
		"0 9 * * 0":             "2026-02-15 09:00:00",
		"0 9 13 * FRI":          "2026-02-13 09:00:00", // either day
		"0 9 20 * THU":          "2026-02-12 09:00:00", // either day
		"0 9 */2 * THU":         "2026-02-19 09:00:00", // both: the 19th is odd
		"0 9 ? * THU":           "2026-02-12 09:00:00",
		"0 0 L * *":             "2026-02-28 00:00:00",
		"0 0 L-3 * *":           "2026-02-25 00:00:00",
		"0 0 LW * *":            "2026-02-27 00:00:00", // the 28th is a Saturday
		"0 0 15W * *":           "2026-02-16 00:00:00", // the 15th is a Sunday
		"0 0 1W 8 *":            "2026-08-03 00:00:00", // the 1st is a Saturday, not in July
		"0 0 31W 5 *":           "2026-05-29 00:00:00", // the 31st is a Sunday, not in June
		"0 0 30W * *":           "2026-03-30 00:00:00", // February has no 30th
		"0 0 * * FRI#2":         "2026-02-13 00:00:00",
		"0 0 * * 5#5":           "2026-05-29 00:00:00",
		"0 0 * * FRIL":          "2026-02-27 00:00:00",
		"0 0 * * 7L":            "2026-02-22 00:00:00",
		"0 0 1,15,L * *":        "2026-02-15 00:00:00",
		"31 7 10 * * *":         "2026-02-11 10:07:31",
		"*/10 * * * * *":        "2026-02-11 10:07:40",
		"15 * * * * *":          "2026-02-11 10:08:15",
		"0 0 12 29 2 MON#5":     "2028-02-29 12:00:00", // either: the 29th comes first
		"@hourly":               "2026-02-11 11:00:00",
		"@daily":                "2026-02-12 00:00:00",
		"@midnight":             "2026-02-12 00:00:00",
		"@weekly":               "2026-02-15 00:00:00",
		"@Monthly":              "2026-03-01 00:00:00",
		"@yearly":               "2027-01-01 00:00:00",
		"@annually":             "2027-01-01 00:00:00",
		"@every 90s":            "2026-02-11 10:09:00",
		"\t0  12 * *\u00a0* \n": "2026-02-11 12:00:00",
	} {
		next, err := cron.CronNext(expr, from)
		if got := next.Format(time.DateTime); err != nil || got != want {
			t.Errorf("%q: got %s, %v, want %s", expr, got, err, want)
		}
	}
}

// 1900 was not a leap year and 2100 is not one either, so the 29th of February
// can be eight years away, and 40 with a weekday.
func TestCronNext_FarAway(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ expr, from, want string }{
		{"0 0 29 2 *", "2096-03-01", "2104-02-29"},
		{"0 0 29 2 */7", "2088-03-01", "2128-02-29"}, // a leap day on a Sunday
		{"0 0 29 2 *", "1896-02-29", "1904-02-29"},
	} {
		from, err := time.Parse(time.DateOnly, c.from)
		if err != nil {
			t.Fatal(err)
		}
		next, err := cron.CronNext(c.expr, from)
		if got := next.Format(time.DateOnly); err != nil || got != c.want {
			t.Errorf("%s after %s: got %s, %v, want %s", c.expr, c.from, got, err, c.want)
		}
	}
}

func TestCronNext_BadInput(t *testing.T) {
	t.Parallel()
	for expr, want := range map[string]string{
		"":                  "has 0 fields",
		"* * * *":           "has 4 fields",
		"* * * * * * *":     "has 7 fields",
		"60 * * * *":        `minute: "60": is outside 0 to 59`,
		"* 24 * * *":        `hour: "24": is outside 0 to 23`,
		"* * 0 * *":         `day of month: "0": is outside 1 to 31`,
		"* * * 13 *":        `month: "13": is outside 1 to 12`,
		"* * * * 8":         `day of week: "8": is outside 0 to 7`,
		"*/0 * * * *":       "the step must be 1 to 59",
		"*/90 * * * *":      "the step must be 1 to 59",
		"*/-1 * * * *":      "the step must be 1 to 59",
		"*/ * * * *":        "the step must be 1 to 59",
		"5-1 * * * *":       "the range runs backwards",
		"* * * * FRI-MON":   "the range runs backwards",
		"1,,2 * * * *":      `minute: "": is no value`,
		"+1 * * * *":        "is no value",
		"1-2-3 * * * *":     "is no value",
		"* * * * MONDAY":    "is no value",
		"MON * * * *":       "is no value",
		"? * * * *":         "has a ? outside",
		"* * * * L":         "is no value",
		"* * * * 5L#2":      "is no value",
		"* * * * 5#6":       "is outside 1 to 5",
		"* * L-31 * *":      "is outside 0 to 30",
		"* * 32W * *":       "is outside 1 to 31",
		"* * W * *":         "is no value",
		"@reboot":           "is no macro",
		"@daily x":          "is no macro",
		"@every":            "needs one duration",
		"@every 5":          "needs a duration",
		"@every 1ms":        "needs a duration",
		"@every -1h":        "needs a duration",
		"TZ=UTC 0 0 * * *":  "has a time zone in it",
		"0 0 31 2 *":        "is never due",
		"0 0 30 2 *":        "is never due",
		"0 0 31 4,6,9,11 *": "is never due",
		"0 0 L-30 2 *":      "is never due",
		"0 0 31W 4 *":       "is never due",
		strings.Repeat("9999999999,", 1e5) + " * * * *": "is outside 0 to 59",
	} {
		_, err := cron.CronNext(expr, time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC))
		if core.ErrorCode(err) != core.CodeInvalid || !strings.Contains(fmt.Sprint(err), want) {
			t.Errorf("%.40q: got %v, want %s", expr, err, want)
		} else if len(err.Error()) > 250 {
			t.Errorf("%.40q: the error has %d bytes", expr, len(err.Error()))
		}
	}
	for _, year := range []int{-1, 10000, 1 << 40} {
		if _, err := cron.CronNext("* * * * *", time.Date(year, 1, 1, 0, 0, 0, 0, time.UTC)); core.ErrorCode(err) != core.CodeInvalid {
			t.Errorf("year %d: got %v", year, err)
		}
	}
}

// In Berlin the clock goes from 02:00 to 03:00 on 29 March 2026, and from 03:00
// to 02:00 on 25 October 2026. The other zones are unusual: they change at
// midnight, by half an hour, or by a whole day.
func TestCronNext_ClockChanges(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, zone, expr, from string
		want                   []string
	}{
		{"skipped, fixed time", "Europe/Berlin", "30 2 * * *", "2026-03-28 12:00:00 +0100",
			[]string{"2026-03-29 03:00:00 +0200", "2026-03-30 02:30:00 +0200"}},
		{"skipped, several fixed times become one", "Europe/Berlin", "0,20,40 2,3 * * *", "2026-03-29 01:00:00 +0100",
			[]string{"2026-03-29 03:00:00 +0200", "2026-03-29 03:20:00 +0200"}},
		{"skipped, asked one second before", "Europe/Berlin", "30 2 * * *", "2026-03-29 01:59:59 +0100",
			[]string{"2026-03-29 03:00:00 +0200", "2026-03-30 02:30:00 +0200"}},
		{"skipped, follows the clock", "Europe/Berlin", "*/30 * * * *", "2026-03-29 01:15:00 +0100",
			[]string{"2026-03-29 01:30:00 +0100", "2026-03-29 03:00:00 +0200", "2026-03-29 03:30:00 +0200"}},
		{"skipped, minutes of the skipped hour", "Europe/Berlin", "*/20 2 * * *", "2026-03-29 01:15:00 +0100",
			[]string{"2026-03-30 02:00:00 +0200"}},
		{"skipped, with seconds", "Europe/Berlin", "*/10 30 2 * * *", "2026-03-29 01:00:00 +0100",
			[]string{"2026-03-29 03:00:00 +0200", "2026-03-30 02:30:00 +0200"}},
		{"skipped, another day", "Europe/Berlin", "30 2 * * MON", "2026-03-29 01:00:00 +0100",
			[]string{"2026-03-30 02:30:00 +0200"}},
		{"repeated, fixed time", "Europe/Berlin", "30 2 * * *", "2026-10-24 12:00:00 +0200",
			[]string{"2026-10-25 02:30:00 +0200", "2026-10-26 02:30:00 +0100"}},
		{"repeated, asked in the second pass", "Europe/Berlin", "30 2 * * *", "2026-10-25 02:10:00 +0100",
			[]string{"2026-10-26 02:30:00 +0100"}},
		{"repeated, time after it", "Europe/Berlin", "0 3 * * *", "2026-10-25 02:10:00 +0200",
			[]string{"2026-10-25 03:00:00 +0100"}},
		{"repeated, follows the clock", "Europe/Berlin", "30 * * * *", "2026-10-25 01:45:00 +0200",
			[]string{"2026-10-25 02:30:00 +0200", "2026-10-25 02:30:00 +0100", "2026-10-25 03:30:00 +0100"}},
		{"repeated, minutes of the hour", "Europe/Berlin", "*/30 2 * * *", "2026-10-25 02:00:00 +0200",
			[]string{"2026-10-25 02:30:00 +0200", "2026-10-25 02:00:00 +0100", "2026-10-25 02:30:00 +0100", "2026-10-26 02:00:00 +0100"}},
		{"no midnight", "America/Sao_Paulo", "@daily", "2018-11-03 12:00:00 -0300",
			[]string{"2018-11-04 01:00:00 -0200", "2018-11-05 00:00:00 -0200"}},
		{"two midnights", "America/Sao_Paulo", "@daily", "2018-02-17 12:00:00 -0200",
			[]string{"2018-02-18 00:00:00 -0300"}},
		{"two times 23:30", "America/Sao_Paulo", "30 23 * * *", "2018-02-17 12:00:00 -0200",
			[]string{"2018-02-17 23:30:00 -0200", "2018-02-18 23:30:00 -0300"}},
		{"half an hour skipped", "Australia/Lord_Howe", "15 2 * * *", "2026-10-03 12:00:00 +1030",
			[]string{"2026-10-04 02:30:00 +1100", "2026-10-05 02:15:00 +1100"}},
		{"half an hour repeated", "Australia/Lord_Howe", "45 1 * * *", "2026-04-04 12:00:00 +1100",
			[]string{"2026-04-05 01:45:00 +1100", "2026-04-06 01:45:00 +1030"}},
		{"winter time is the negative one", "Europe/Dublin", "30 1 * * *", "2026-03-28 12:00:00 +0000",
			[]string{"2026-03-29 02:00:00 +0100", "2026-03-30 01:30:00 +0100"}},
		{"a day skipped", "Pacific/Apia", "0 6 * * *", "2011-12-29 12:00:00 -1000",
			[]string{"2011-12-31 00:00:00 +1400", "2011-12-31 06:00:00 +1400"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			from, err := time.Parse(layout, c.from)
			if err != nil {
				t.Fatal(err)
			}
			got := following(t, c.expr, from.In(zone(t, c.zone)), len(c.want))
			if strings.Join(got, ", ") != strings.Join(c.want, ", ") {
				t.Errorf("%s\n got %q\nwant %q", c.expr, got, c.want)
			}
		})
	}
}

// robfig/cron is an independent implementation that agrees with this one in
// UTC, which has no clock changes.
func TestCronNext_AgreesWithRobfig(t *testing.T) {
	t.Parallel()
	rng := rand.New(rand.NewPCG(1, 2))
	compared := 0
	for range 4000 {
		expr := randomExpr(rng)
		from := time.Unix(rng.Int64N(4e9), rng.Int64N(1e9)).UTC()
		schedule, err := robfig.ParseStandard(expr)
		if err != nil {
			t.Fatalf("%s: %v", expr, err)
		}
		want := schedule.Next(from)
		got, err := cron.CronNext(expr, from)
		if want.IsZero() { // it searches only five years ahead
			if err == nil && got.Sub(from) < 4*365*24*time.Hour {
				t.Fatalf("%s after %s: got %s, robfig has none", expr, from, got)
			}
			continue
		}
		if err != nil || !got.Equal(want) {
			t.Fatalf("%s after %s: got %s, %v, robfig has %s", expr, from, got, err, want)
		}
		compared++
	}
	if compared < 3500 {
		t.Errorf("compared %d of 4000", compared)
	}
}

// The oracle tries every minute. For a longer run: go test -fuzz FuzzCronNext.
func FuzzCronNext(f *testing.F) {
	zones := []*time.Location{time.UTC}
	for _, name := range []string{"Europe/Berlin", "America/Sao_Paulo", "Australia/Lord_Howe", "Pacific/Apia", "Africa/Casablanca", "Asia/Kathmandu"} {
		zones = append(zones, zone(f, name))
	}
	// one to two days before a clock change in the zone with that index
	starts := []int64{1774700000, 1774700000, 1541230000, 1791000000, 1325150000, 1771100000, 504000000}
	for i, start := range starts {
		for _, expr := range []string{
			"30 2 * * *", "*/20 2 * * *", "15 * * * *", "0,30 0-3 * * *", "15 30 2 * * *", "@daily", "0 0 L,15W * *",
			"5/7 1 1-10/3 * SUN-TUE", "0 12 ? JAN-MAR FRIL,3#2", "59 59 23 LW,L-2 * *", "*/7 * 2 29 2 7", "0 0 31 2 *", "@every 90m", "1 2 3",
		} {
			f.Add(expr, start, uint8(i))
			f.Add(expr, start+210*24*60*60, uint8(i))
		}
	}
	f.Fuzz(func(t *testing.T, expr string, from int64, zone uint8) {
		from = max(0, min(from, 4e9))
		loc := zones[int(zone)%len(zones)]
		next, err := cron.CronNext(expr, time.Unix(from, 0).In(loc))
		if err != nil && core.ErrorCode(err) != core.CodeInvalid {
			t.Fatalf("%q: code of %v", expr, err)
		}
		if err == nil && (next.Unix() <= from || next.Nanosecond() != 0) {
			t.Fatalf("%q after %d: %v", expr, from, next)
		}
		never := strings.Contains(fmt.Sprint(err), "is never due")
		if (err != nil && !never) || strings.Contains(strings.ToUpper(expr), "@EVERY") {
			return
		}
		limit := from + 3*24*60*60
		want, found := newOracle(expr).next(loc, from, limit)
		if got := next.Unix(); found && (never || got != want) || !found && !never && got <= limit {
			t.Fatalf("%q after %s: got %s, %v, want %s, %t", expr, time.Unix(from, 0).In(loc), next, err, time.Unix(want, 0).In(loc), found)
		}
		if !never && !newOracle(expr).dueDay(next) && next.Unix() > limit && loc == time.UTC {
			t.Fatalf("%q: %s is not a due day", expr, next)
		}
	})
}

func TestCronNext_AgreesWithOracle(t *testing.T) {
	t.Parallel()
	rng := rand.New(rand.NewPCG(3, 4))
	changes := 0
	for _, name := range []string{"Europe/Berlin", "America/Sao_Paulo", "Australia/Lord_Howe", "Pacific/Apia", "America/Caracas"} {
		loc := zone(t, name)
		for range 150 {
			// two days around a clock change, and a new start in between
			_, change := time.Unix(9e8+rng.Int64N(9e8), 0).In(loc).ZoneBounds()
			if change.IsZero() {
				continue
			}
			changes++
			from := change.Unix() - rng.Int64N(48*60*60) + 6*60*60
			words := strings.Fields(randomExpr(rng))
			words[3] = "*" // or hardly any of them is due within these days
			expr := strings.Join(words, " ")
			limit := from + 2*24*60*60
			want, found := newOracle(expr).next(loc, from, limit)
			got, err := cron.CronNext(expr, time.Unix(from, 0).In(loc))
			if err != nil || (found && got.Unix() != want) || (!found && got.Unix() <= limit) {
				t.Fatalf("%s after %s: got %s, %v, want %s, %t", expr, time.Unix(from, 0).In(loc), got, err, time.Unix(want, 0).In(loc), found)
			}
		}
	}
	if changes < 500 {
		t.Errorf("%d clock changes", changes)
	}
}

func randomExpr(rng *rand.Rand) string {
	var words []string
	for i, f := range [][2]int{{0, 59}, {0, 23}, {1, 31}, {1, 12}, {0, 6}} {
		kinds := 6
		if i == 2 || i == 4 {
			kinds = 5 // robfig does not count */2 as starting with *; see the gotchas
		}
		var items []string
		for range 1 + rng.IntN(2) {
			low := f[0] + rng.IntN(f[1]-f[0]+1)
			high := low + rng.IntN(f[1]-low+1)
			items = append(items, []string{
				"*",
				strconv.Itoa(low),
				fmt.Sprintf("%d-%d", low, high),
				fmt.Sprintf("%d-%d/%d", low, high, 1+rng.IntN(f[1])),
				fmt.Sprintf("%d/%d", low, 1+rng.IntN(f[1])),
				fmt.Sprintf("*/%d", 1+rng.IntN(f[1])),
			}[rng.IntN(kinds)])
		}
		// robfig marks a field as * wherever the * appears, cron and this
		// package only where it comes first
		if len(items) == 2 && strings.HasPrefix(items[1], "*") {
			items[0], items[1] = items[1], items[0]
		}
		words = append(words, strings.Join(items, ","))
	}
	return strings.Join(words, " ")
}

func BenchmarkCronNext(b *testing.B) {
	from := time.Date(2026, 3, 1, 12, 0, 0, 0, zone(b, "Europe/Berlin"))
	for name, expr := range map[string]string{"weekdays": "30 9 * * 1-5", "leap_day": "0 0 29 2 *"} {
		b.Run(name+"/this", func(b *testing.B) {
			for b.Loop() {
				if _, err := cron.CronNext(expr, from); err != nil {
					b.Fatal(err)
				}
			}
		})
		b.Run(name+"/robfig", func(b *testing.B) {
			for b.Loop() {
				schedule, err := robfig.ParseStandard(expr)
				if err != nil || schedule.Next(from).IsZero() {
					b.Fatal(err)
				}
			}
		})
	}
}
