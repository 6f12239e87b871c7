package cron_test

import (
	"math"
	"slices"
	"strconv"
	"strings"
	"time"
)

// oracle computes the same result as CronNext by trying every minute. It shares
// no code with it and parses the expression anew for every call; it accepts
// only valid expressions.
type oracle struct{ words []string }

func newOracle(expr string) oracle {
	expr = strings.ToUpper(strings.TrimSpace(expr))
	if macro, ok := map[string]string{
		"@YEARLY": "0 0 1 1 *", "@ANNUALLY": "0 0 1 1 *", "@MONTHLY": "0 0 1 * *", "@WEEKLY": "0 0 * * 0",
		"@DAILY": "0 0 * * *", "@MIDNIGHT": "0 0 * * *", "@HOURLY": "0 * * * *",
	}[expr]; ok {
		expr = macro
	}
	words := strings.Fields(expr)
	if len(words) == 5 {
		words = append([]string{"0"}, words...)
	}
	return oracle{words}
}

// next returns the first due time after from and not after limit, all in Unix
// seconds.
func (o oracle) next(loc *time.Location, from, limit int64) (int64, bool) {
	clock := func(minute int64) int64 {
		_, offset := time.Unix(minute, 0).In(loc).Zone()
		return minute + int64(offset)
	}
	start := from - from%60
	reached := int64(math.MinInt64)
	for minute := start - 3*24*60*60; minute < start; minute += 60 {
		reached = max(reached, clock(minute)+60)
	}
	follows := strings.ContainsAny(o.words[1][:1]+o.words[2][:1], "*")
	for minute := start; minute <= limit; minute += 60 {
		now := clock(minute)
		for skipped := reached; !follows && skipped < now && minute > from; skipped += 60 {
			if o.dueMinute(skipped) {
				return minute, true
			}
		}
		if (follows || now >= reached) && o.dueMinute(now) {
			for second := range int64(60) {
				if minute+second > from && minute+second <= limit && o.has(0, int(second), 0, 59, nil) {
					return minute + second, true
				}
			}
		}
		reached = max(reached, now+60)
	}
	return 0, false
}

func (o oracle) dueMinute(clock int64) bool {
	t := time.Unix(clock, 0).UTC()
	return o.has(1, t.Minute(), 0, 59, nil) && o.has(2, t.Hour(), 0, 23, nil) && o.dueDay(t)
}

func (o oracle) dueDay(t time.Time) bool {
	if !o.has(4, int(t.Month()), 1, 12, []string{"", "JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"}) {
		return false
	}
	names := []string{"SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT", "SUN"}
	byDay := o.has(3, t.Day(), 1, 31, nil)
	byWeekday := o.has(5, int(t.Weekday()), 0, 6, names) || t.Weekday() == 0 && o.has(5, 7, 0, 6, names)
	for item := range strings.SplitSeq(o.words[3], ",") {
		byDay = byDay || specialDay(item, t)
	}
	for item := range strings.SplitSeq(o.words[5], ",") {
		byWeekday = byWeekday || specialWeekday(item, names, t)
	}
	if strings.ContainsAny(o.words[3][:1]+o.words[5][:1], "*?") {
		return byDay && byWeekday
	}
	return byDay || byWeekday
}

func (o oracle) has(word, value, low, high int, names []string) bool {
	return slices.ContainsFunc(strings.Split(o.words[word], ","), func(item string) bool {
		return hasItem(item, value, low, high, names)
	})
}

func hasItem(item string, value, low, high int, names []string) bool {
	span, step := item, 1
	if i := strings.IndexByte(item, '/'); i >= 0 {
		span, step = item[:i], number(item[i+1:], nil)
	}
	switch from, to, isRange := strings.Cut(span, "-"); {
	case strings.ContainsAny(span, "*?"):
	case strings.ContainsAny(span, "#LW") && number(from, names) < 0:
		return false
	case isRange:
		low, high = number(from, names), number(to, names)
		if to == "SUN" {
			high = 7
		}
	case span != item:
		low = number(span, names)
		high = max(low, high)
	default:
		low = number(span, names)
		high = low
	}
	return value >= low && value <= high && (value-low)%step == 0
}

func number(text string, names []string) int {
	if i := slices.Index(names, text); i >= 0 {
		return i
	}
	n, err := strconv.Atoi(text)
	if err != nil {
		return -1
	}
	return n
}

func specialDay(item string, t time.Time) bool {
	last := t.AddDate(0, 1, -t.Day()).Day()
	switch {
	case item == "L":
		return t.Day() == last
	case item == "LW":
		return t.Day() == nearest(t, last, last)
	case strings.HasPrefix(item, "L-"):
		return t.Day() == last-number(item[2:], nil)
	case strings.HasSuffix(item, "W"):
		day := number(strings.TrimSuffix(item, "W"), nil)
		return day <= last && t.Day() == nearest(t, day, last)
	}
	return false
}

// nearest searches for a workday at increasing distance from day.
func nearest(month time.Time, day, last int) int {
	for away := range 3 {
		for _, d := range []int{day - away, day + away} {
			w := month.AddDate(0, 0, d-month.Day()).Weekday()
			if d >= 1 && d <= last && w != time.Saturday && w != time.Sunday {
				return d
			}
		}
	}
	panic("three days without a workday")
}

func specialWeekday(item string, names []string, t time.Time) bool {
	if name, nth, ok := strings.Cut(item, "#"); ok {
		count := 0
		for day := t; day.Month() == t.Month(); day = day.AddDate(0, 0, -7) {
			count++
		}
		return number(name, names)%7 == int(t.Weekday()) && count == number(nth, nil)
	}
	if name, ok := strings.CutSuffix(item, "L"); ok {
		return number(name, names)%7 == int(t.Weekday()) && t.AddDate(0, 0, 7).Month() != t.Month()
	}
	return false
}
