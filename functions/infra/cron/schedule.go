package cron

import (
	"math/bits"
	"time"
)

// schedule is a parsed expression. The sets have one bit per value: bit 30 of
// minutes is minute 30.
type schedule struct {
	expr  string
	every time.Duration // of @every; the rest is unused then

	seconds, minutes, hours uint64
	days, months, weekdays  uint64
	fromLast                uint64    // bit n: n days before the last day of the month (L, L-n)
	nearest                 uint64    // bit n: the weekday (Monday to Friday) nearest day n (nW)
	lastWorkday             bool      // LW
	nth                     [7]uint64 // by weekday, bit n: its nth in the month (5#2)
	lastOf                  uint64    // bit w: the last weekday w of the month (5L)

	eitherDay    bool // neither day field starts with *: one of them is enough
	followsClock bool // minute or hour starts with *
}

const (
	daySeconds = 24 * 60 * 60
	// every7 has one bit per week; shifted to a weekday's first day it marks
	// all of them.
	every7 uint64 = 1 | 1<<7 | 1<<14 | 1<<21 | 1<<28
)

// nextCivil returns the first due second at or after from. Both count civil
// (wall clock) time as if it were UTC. It returns false if there is none.
func (s *schedule) nextCivil(from int64) (int64, bool) {
	at := time.Unix(from, 0).UTC()
	year, month, day := at.Date()
	if s.months&(1<<month) != 0 && s.daysOf(year, month)&(1<<day) != 0 {
		if later, ok := s.nextClock(at.Clock()); ok {
			return civil(year, month, day) + later, true
		}
	}
	first, _ := s.nextClock(0, 0, 0)
	// The calendar repeats after 400 years: a date that does not occur in one
	// cycle never occurs.
	for range 400*12 + 1 {
		if s.months&(1<<month) != 0 {
			if later := s.daysOf(year, month) >> (day + 1) << (day + 1); later != 0 {
				return civil(year, month, bits.TrailingZeros64(later)) + first, true
			}
		}
		day = 0
		if month++; month > time.December {
			year, month = year+1, time.January
		}
	}
	return 0, false
}

// nextClock returns the first due time of day at or after the given one, in
// seconds.
func (s *schedule) nextClock(hour, minute, second int) (int64, bool) {
	if s.hours&(1<<hour) != 0 {
		if s.minutes&(1<<minute) != 0 {
			if next, ok := nextBit(s.seconds, second); ok {
				return clock(hour, minute, next), true
			}
		}
		if next, ok := nextBit(s.minutes, minute+1); ok {
			return clock(hour, next, bits.TrailingZeros64(s.seconds)), true
		}
	}
	next, ok := nextBit(s.hours, hour+1)
	return clock(next, bits.TrailingZeros64(s.minutes), bits.TrailingZeros64(s.seconds)), ok
}

// daysOf returns the due days of a month, one bit per day.
func (s *schedule) daysOf(year int, month time.Month) uint64 {
	first := int(time.Unix(civil(year, month, 1), 0).UTC().Weekday())
	last := int((civil(year, month+1, 1) - civil(year, month, 1)) / daySeconds)
	valid := uint64(1)<<(last+1) - 2
	byDay := s.byDayOfMonth(first, last)
	byWeekday := s.byWeekday(first, last)
	if s.eitherDay {
		return (byDay | byWeekday) & valid
	}
	return byDay & byWeekday & valid
}

// byDayOfMonth expects the weekday of the month's first day, and the month's
// last day.
func (s *schedule) byDayOfMonth(first, last int) uint64 {
	set := s.days
	for n := 0; s.fromLast != 0 && n < last; n++ {
		if s.fromLast&(1<<n) != 0 {
			set |= 1 << (last - n)
		}
	}
	for n := 1; s.nearest != 0 && n <= last; n++ {
		if s.nearest&(1<<n) != 0 {
			set |= 1 << nearestWorkday(n, first, last)
		}
	}
	if s.lastWorkday {
		set |= 1 << nearestWorkday(last, first, last)
	}
	return set
}

func (s *schedule) byWeekday(first, last int) uint64 {
	var set uint64
	for weekday := range len(s.nth) {
		start := 1 + (weekday-first+7)%7 // the first such weekday of the month
		if s.weekdays&(1<<weekday) != 0 {
			set |= every7 << start
		}
		for n := 1; s.nth[weekday] != 0 && n <= 5; n++ {
			if s.nth[weekday]&(1<<n) != 0 {
				set |= 1 << (start + (n-1)*7)
			}
		}
		if s.lastOf&(1<<weekday) != 0 {
			set |= 1 << (start + (last-start)/7*7)
		}
	}
	return set
}

// nearestWorkday returns the Monday to Friday nearest to day, without leaving
// the month.
func nearestWorkday(day, first, last int) int {
	switch time.Weekday((first + day - 1) % 7) {
	case time.Saturday:
		if day == 1 {
			return 3
		}
		return day - 1
	case time.Sunday:
		if day == last {
			return day - 2
		}
		return day + 1
	default:
		return day
	}
}

// nextBit returns the first value of the set that is at least from.
func nextBit(set uint64, from int) (int, bool) {
	rest := set >> from << from
	return bits.TrailingZeros64(rest), rest != 0
}

func clock(hour, minute, second int) int64 {
	return int64(hour*60*60 + minute*60 + second)
}

// civil returns midnight of a date, in seconds.
func civil(year int, month time.Month, day int) int64 {
	return time.Date(year, month, day, 0, 0, 0, 0, time.UTC).Unix()
}
