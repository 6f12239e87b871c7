package cron

import (
	"iter"
	"time"

	"fnregistry.dev/functions/core"
)

// CronBetween returns the times at which expr is due from the time from on,
// itself included, until before the time to, in order and in the location of
// from. Two windows that meet share no time and miss none. expr and the rules
// for clock changes are those of [CronNext]; "@every" counts from the time
// from, which is not due then.
//
// The times are found as they are asked for, so a window of years costs nothing
// in advance. A window that ends before it begins has none. The sequence can be
// walked more than once.
//
// Errors are *core.Error with CodeInvalid: those of CronNext, also for an
// expression that is never due, and a year of from or to outside 0 to 9999.
//
// More in cron_between.md:
//   - The number of times is not limited: * * * * * * has 31 million a year.
//   - When the clock changes, the rules of cron_next hold: a fixed time of day
//     that is skipped comes right after the gap, one that is repeated comes
//     once.
func CronBetween(expr string, from, to time.Time) (iter.Seq[time.Time], error) {
	s, err := parse(expr)
	if err != nil {
		return nil, between(err)
	}
	for _, edge := range []time.Time{from, to} {
		if year := edge.Year(); year < 0 || year > 9999 {
			return nil, between(invalid(s.expr, "a year of the window is outside 0 to 9999", ""))
		}
	}
	if s.every == 0 {
		from = from.Add(-1) // CronNext leaves out the time that it starts from
	}
	first, err := s.next(from)
	if err != nil {
		return nil, between(err)
	}
	return func(yield func(time.Time) bool) {
		for at := first; at.Before(to) && yield(at); {
			next, err := s.next(at)
			if err != nil {
				return // the year 9999 is over
			}
			at = next
		}
	}, nil
}

func between(err error) error {
	return &core.Error{Op: "cron_between", Err: err}
}
