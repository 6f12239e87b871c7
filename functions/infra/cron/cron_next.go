package cron

import (
	"math"
	"strconv"
	"time"

	"fnregistry.dev/functions/core"
)

// Only in a zone whose clock changes lie closer together than this could an
// older change matter; no zone's offset differs from another's by more than 26
// hours.
const changeReach = 48 * 60 * 60

// CronNext returns the first time after t at which expr is due, in the location
// of t and on a whole second.
//
// expr has five fields (minute, hour, day of month, month, day of week), or six
// with seconds in front, or is one of @yearly, @annually, @monthly, @weekly,
// @daily, @midnight, @hourly, or "@every" with a Go duration, which gives t
// plus that duration. A field is a list of *, values, ranges (1-5) and steps
// (*/15, 10-30/5, 10/5); months and weekdays may be names (JAN, MON), Sunday is
// 0 or 7. The day of month knows L (last), L-3, LW (last weekday) and 15W
// (weekday nearest the 15th); the day of week knows 5#2 (second Friday) and 5L
// (last Friday). If neither of the two day fields starts with a *, a day that
// matches either of them is due, as in Vixie's cron.
//
// When the clock changes, the rule is that of Debian's cron(8). An expression
// whose minute or hour starts with * follows the clock: it has no times in a
// skipped hour, and runs in both passes of a repeated one. Any other is a fixed
// time of day and is due once: right after the change if its time was skipped,
// and in the first pass only if its time comes twice.
//
// Errors are *core.Error with CodeInvalid: an expression that is wrong, one
// that is never due (0 0 31 2 *), or a year of t outside 0 to 9999.
//
// More in cron_next.md:
//   - When the clock changes: an expression whose minute or hour starts with *
//     follows the clock, so it is not due in the skipped hour, and due twice in
//     the repeated hour.
//   - If neither day field starts with *, a day that matches either of them is
//     due: 0 9 13 * FRI is every Friday and every 13th.
func CronNext(expr string, t time.Time) (time.Time, error) {
	s, err := parse(expr)
	if err != nil {
		return time.Time{}, err
	}
	return s.next(t)
}

func (s *schedule) next(t time.Time) (time.Time, error) {
	if year := t.Year(); year < 0 || year > 9999 {
		return time.Time{}, invalid(s.expr, "the year to start from is outside 0 to 9999", "")
	}
	if s.every > 0 {
		return t.Add(s.every).Truncate(time.Second), nil
	}
	next, ok := s.nextIn(t.Location(), t.Unix())
	if !ok {
		return time.Time{}, invalid(
			s.expr,
			"is never due: no year has such a day",
			"look at day of month and month together",
		)
	}
	return time.Unix(next, 0).In(t.Location()), nil
}

// nextIn returns the first instant after the given one, both in Unix seconds.
// It walks through the periods of constant offset from UTC, because within one
// of them civil time is plain arithmetic.
func (s *schedule) nextIn(loc *time.Location, after int64) (int64, bool) {
	at := time.Unix(after, 0).In(loc)
	reached := int64(math.MinInt64) // first civil second that no earlier period reached
	if !s.followsClock {
		reached = reachedBefore(at)
	}
	from := after + 1
	for {
		_, offset := at.Zone()
		due, ok := s.nextCivil(max(from+int64(offset), reached))
		if !ok {
			return 0, false
		}
		_, change := at.ZoneBounds()
		if change.IsZero() || due-int64(offset) < change.Unix() {
			return due - int64(offset), true
		}
		from, at = change.Unix(), change
		if s.followsClock {
			continue
		}
		reached = max(reached, from+int64(offset))
		if _, offset = at.Zone(); due < from+int64(offset) {
			return from, true // its time is in the gap: due now
		}
	}
}

// reachedBefore returns the first civil second that the periods before that of
// t did not reach. Usually it lies in the past of t; after the clock was set
// back it lies in the future, until the repeated time is over.
func reachedBefore(t time.Time) int64 {
	reached := int64(math.MinInt64)
	for period := t; ; {
		start, _ := period.ZoneBounds()
		if start.IsZero() || t.Unix()-start.Unix() > changeReach {
			return reached
		}
		period = start.Add(-time.Second)
		_, offset := period.Zone()
		reached = max(reached, start.Unix()+int64(offset))
	}
}

func invalid(expr, message, hint string) error {
	const longest = 80 // an error quotes the expression, but not a whole file passed by mistake
	if len(expr) > longest {
		expr = expr[:longest] + "..."
	}
	return &core.Error{Code: core.CodeInvalid, Op: "cron_next expr=" + strconv.Quote(expr), Message: message, Hint: hint}
}
