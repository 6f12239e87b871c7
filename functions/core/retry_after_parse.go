package core

import (
	"encoding/json"
	"math"
	"strings"
	"time"
)

// retryAfterLimit is the cap that RetryAfterParse uses when the caller gives
// none.
const retryAfterLimit = time.Hour

// RetryAfterParse returns how long a server asks its client to wait, from now:
// what the Retry-After header says (RFC 9110, section 10.2.3: seconds, or an
// HTTP date in any of its three formats), else the retry_after_ms of a JSON
// body (Matrix client-server API, M_LIMIT_EXCEEDED, where the header goes first
// too). Header and body may be empty.
//
// The delay is at least 0 (a date that has passed) and at most limit; zero or
// negative: 1 hour. It is false where neither says anything usable: nothing
// there, a negative number, a fraction of a second in the header, garbage.
//
// More in retry_after_parse.md:
//   - A delay that the limit cut off looks like one of exactly that length.
//   - false is not 0: with false, use your own backoff; with 0 and true the
//     server says "now".
func RetryAfterParse(header string, body []byte, now time.Time, limit time.Duration) (delay time.Duration, ok bool) {
	if limit <= 0 {
		limit = retryAfterLimit
	}
	header = strings.Trim(header, " \t")
	delay, ok = retryAfterSeconds(header)
	if !ok {
		delay, ok = retryAfterDate(header, now)
	}
	if !ok {
		delay, ok = retryAfterMS(body)
	}
	return min(max(delay, 0), limit), ok
}

// retryAfterSeconds reads 1*DIGIT. Numbers beyond the range of a Duration
// become the longest one.
func retryAfterSeconds(text string) (time.Duration, bool) {
	const most = math.MaxInt64 / int64(time.Second)
	var seconds int64
	for _, c := range []byte(text) {
		if c < '0' || c > '9' {
			return 0, false
		}
		seconds = min(seconds*10+int64(c-'0'), most)
	}
	return time.Duration(seconds) * time.Second, text != ""
}

// retryAfterDate reads the three formats of RFC 9110, section 5.6.7, all of
// them in GMT.
func retryAfterDate(text string, now time.Time) (time.Duration, bool) {
	const (
		imf     = "Mon, 02 Jan 2006 15:04:05 GMT"
		rfc850  = "Monday, 02-Jan-06 15:04:05 GMT"
		asctime = time.ANSIC
	)
	for _, layout := range []string{imf, rfc850, asctime} {
		date, err := time.Parse(layout, text)
		if err != nil {
			continue
		}
		if layout == rfc850 {
			date = date.AddDate(nearestCentury(date.Year(), now.Year())-date.Year(), 0, 0)
		}
		return date.Sub(now), true
	}
	return 0, false
}

// nearestCentury returns the year with the last two digits of year that is at
// most 50 years past the current one, as RFC 9110 reads a two-digit year.
func nearestCentury(year, current int) int {
	latest := current + 50
	return latest - ((latest-year)%100+100)%100
}

func retryAfterMS(body []byte) (time.Duration, bool) {
	var answer struct {
		MS *float64 `json:"retry_after_ms"`
	}
	if len(body) == 0 || json.Unmarshal(body, &answer) != nil || answer.MS == nil || *answer.MS < 0 {
		return 0, false
	}
	nanos := *answer.MS * float64(time.Millisecond)
	if nanos >= math.MaxInt64 {
		return math.MaxInt64, true
	}
	return time.Duration(nanos), true
}
