package cron

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

var macros = map[string]string{
	"@yearly":   "0 0 1 1 *",
	"@annually": "0 0 1 1 *",
	"@monthly":  "0 0 1 * *",
	"@weekly":   "0 0 * * 0",
	"@daily":    "0 0 * * *",
	"@midnight": "0 0 * * *",
	"@hourly":   "0 * * * *",
}

// field describes one of the fields: its range and the names of its values.
type field struct {
	name     string
	min, max int
	names    []string // from min on, three letters
}

var (
	secondField  = field{"second", 0, 59, nil}
	minuteField  = field{"minute", 0, 59, nil}
	hourField    = field{"hour", 0, 23, nil}
	dayField     = field{"day of month", 1, 31, nil}
	monthField   = field{"month", 1, 12, strings.Fields("JAN FEB MAR APR MAY JUN JUL AUG SEP OCT NOV DEC")}
	weekdayField = field{"day of week", 0, 7, strings.Fields("SUN MON TUE WED THU FRI SAT")}
)

// fault describes what is wrong with an expression.
type fault struct{ message, hint string }

func parse(expr string) (*schedule, error) {
	s := &schedule{expr: expr}
	if bad := s.parse(expr); bad != nil {
		return nil, invalid(expr, bad.message, bad.hint)
	}
	return s, nil
}

func (s *schedule) parse(expr string) *fault {
	words := strings.Fields(strings.ToUpper(expr))
	if len(words) > 0 && strings.HasPrefix(words[0], "@") {
		if words[0] == "@EVERY" {
			return s.parseEvery(expr)
		}
		macro, ok := macros[strings.ToLower(words[0])]
		if !ok || len(words) > 1 {
			return &fault{"is no macro", "use @yearly, @monthly, @weekly, @daily, @hourly, @every 90s or five fields"}
		}
		words = strings.Fields(macro)
	}
	if len(words) > 0 && strings.Contains(words[0], "TZ=") {
		return &fault{"has a time zone in it", "leave it out and set the time's location"}
	}
	if len(words) == 5 {
		words = append([]string{"0"}, words...)
	}
	if len(words) != 6 {
		return &fault{
			fmt.Sprintf("has %d fields", len(words)),
			"write minute, hour, day of month, month, day of week, or six with seconds in front",
		}
	}
	return s.parseFields(words)
}

func (s *schedule) parseEvery(expr string) *fault {
	words := strings.Fields(expr)
	if len(words) != 2 {
		return &fault{"needs one duration", "write it as in @every 1h30m"}
	}
	every, err := time.ParseDuration(words[1])
	if err != nil || every < time.Second {
		return &fault{"needs a duration of one second or more", "write it as in @every 1h30m"}
	}
	s.every = every
	return nil
}

func (s *schedule) parseFields(words []string) *fault {
	star := func(i int) bool { return words[i][0] == '*' || words[i][0] == '?' }
	for _, i := range []int{0, 1, 2, 4} {
		if strings.Contains(words[i], "?") {
			return &fault{"has a ? outside the two day fields", "write *"}
		}
	}
	s.followsClock = star(1) || star(2)
	s.eitherDay = !star(3) && !star(5)
	for i, parse := range []func(item string) *fault{
		func(item string) *fault { return secondField.add(&s.seconds, item) },
		func(item string) *fault { return minuteField.add(&s.minutes, item) },
		func(item string) *fault { return hourField.add(&s.hours, item) },
		s.addDay,
		func(item string) *fault { return monthField.add(&s.months, item) },
		s.addWeekday,
	} {
		for item := range strings.SplitSeq(words[i], ",") {
			if bad := parse(item); bad != nil {
				return bad
			}
		}
	}
	s.weekdays = sundayIsZero(s.weekdays)
	return nil
}

// addDay adds an item of the day-of-month field: what every field accepts, and
// L, L-n, LW and nW.
func (s *schedule) addDay(item string) *fault {
	switch {
	case item == "L":
		s.fromLast |= 1
	case item == "LW":
		s.lastWorkday = true
	case strings.HasPrefix(item, "L-"):
		n, bad := (&field{"days before the last of the month", 0, 30, nil}).value(item[2:])
		if bad != nil {
			return bad
		}
		s.fromLast |= 1 << n
	case strings.HasSuffix(item, "W"):
		n, bad := dayField.value(strings.TrimSuffix(item, "W"))
		if bad != nil {
			return bad
		}
		s.nearest |= 1 << n
	default:
		return dayField.add(&s.days, item)
	}
	return nil
}

// addWeekday adds an item of the day-of-week field: what every field accepts,
// and 5#2 and 5L.
func (s *schedule) addWeekday(item string) *fault {
	name, nth, hasNth := strings.Cut(item, "#")
	last := !hasNth && strings.HasSuffix(item, "L")
	if !hasNth && !last {
		return weekdayField.add(&s.weekdays, item)
	}
	if last {
		name = strings.TrimSuffix(item, "L")
	}
	weekday, bad := weekdayField.value(name)
	if bad != nil {
		return bad
	}
	if last {
		s.lastOf |= 1 << (weekday % 7)
		return nil
	}
	n, bad := (&field{"count of the weekday in the month", 1, 5, nil}).value(nth)
	if bad != nil {
		return bad
	}
	s.nth[weekday%7] |= 1 << n
	return nil
}

// add adds the values of one item of the list to set: *, a, a-b, each with or
// without a step.
func (f *field) add(set *uint64, item string) *fault {
	span, stepText, hasStep := strings.Cut(item, "/")
	low, high, bad := f.span(span, hasStep)
	if bad != nil {
		return bad
	}
	step := 1
	if hasStep {
		n, err := strconv.Atoi(stepText)
		if err != nil || n < 1 || n > f.max {
			return f.fault(
				item,
				fmt.Sprintf("the step must be 1 to %d", f.max),
				"a larger step would be due once only: name the value",
			)
		}
		step = n
	}
	for v := low; v <= high; v += step {
		*set |= 1 << v
	}
	return nil
}

func (f *field) span(text string, hasStep bool) (low, high int, bad *fault) {
	top := f.max
	if f.max == weekdayField.max {
		top-- // * is seven days, not eight
	}
	if text == "*" || text == "?" {
		return f.min, top, nil
	}
	from, to, isRange := strings.Cut(text, "-")
	if low, bad = f.value(from); bad != nil {
		return 0, 0, bad
	}
	switch {
	case isRange:
		if high, bad = f.value(to); bad != nil {
			return 0, 0, bad
		}
		if f.max == weekdayField.max && to == "SUN" {
			high = 7 // as in FRI-SUN
		}
		if high < low {
			return 0, 0, f.fault(
				text,
				"the range runs backwards",
				"write it as two ranges: "+from+"-"+strconv.Itoa(top)+","+strconv.Itoa(f.min)+"-"+to,
			)
		}
	case hasStep:
		high = max(low, top)
	default:
		high = low
	}
	return low, high, nil
}

// value parses a number or a name.
func (f *field) value(text string) (int, *fault) {
	for i, name := range f.names {
		if text == name {
			return f.min + i, nil
		}
	}
	n, err := strconv.Atoi(text)
	if err != nil || text[0] < '0' || text[0] > '9' {
		hint := "use numbers"
		if f.names != nil {
			hint = "use numbers, or " + strings.Join(f.names, ", ")
		}
		return 0, f.fault(text, "is no value", hint)
	}
	if n < f.min || n > f.max {
		return 0, f.fault(text, fmt.Sprintf("is outside %d to %d", f.min, f.max), "")
	}
	return n, nil
}

func (f *field) fault(text, message, hint string) *fault {
	if len(text) > 20 {
		text = text[:20] + "..."
	}
	return &fault{fmt.Sprintf("%s: %q: %s", f.name, text, message), hint}
}

// sundayIsZero maps 7 to 0.
func sundayIsZero(set uint64) uint64 {
	return set&^(1<<7) | set>>7&1
}
