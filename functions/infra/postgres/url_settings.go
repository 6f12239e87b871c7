package postgres

import (
	"net/url"
	"slices"
	"strings"
)

const urlHint = "it is like postgres://user:password@host:5432/database?sslmode=verify-full; write / ? # @ % : in a password as %2F %3F %23 %40 %25 %3A, or give Password apart"

// urlQuery returns the settings of a URL and refuses one whose password would
// be taken for something else (and then be shown in an error): that of
// postgres://user:12/34@host has host "user", port "12" and database "34@host".
func urlQuery(text string) (settings urlSettings, err error) {
	rest, ok := strings.CutPrefix(text, "postgres://")
	if !ok {
		rest, ok = strings.CutPrefix(text, "postgresql://")
	}
	if !ok {
		return nil, invalid("URL does not begin with postgres://", urlHint)
	}
	if strings.ContainsFunc(rest, func(r rune) bool { return r <= ' ' || r == 0x7f || r == '#' }) {
		return nil, invalid("URL holds a space, a control character or #", urlHint)
	}
	authority, after := rest, ""
	if i := strings.IndexAny(rest, "/?"); i >= 0 {
		authority, after = rest[:i], rest[i:]
	}
	if strings.Count(authority, "@") > 1 || strings.Contains(after, "@") {
		return nil, invalid("URL has an @ in the wrong place", urlHint)
	}
	_, query, _ := strings.Cut(after, "?")
	for pair := range strings.SplitSeq(query, "&") {
		name, err := url.PathUnescape(before(pair, "="))
		if err != nil {
			return nil, invalid("URL can't be read", urlHint)
		}
		settings = append(settings, urlSetting{name: name, pair: pair})
	}
	return settings, nil
}

// urlSetting is name=value of a URL's query. As with libpq, a + is a + there,
// which package url would read as a space.
type urlSetting struct {
	name string
	pair string // as it stands in the URL
}

type urlSettings []urlSetting

func (all urlSettings) has(name string) bool {
	return slices.ContainsFunc(all, func(s urlSetting) bool { return s.name == name })
}

// get returns the last value, which is the one that counts, or "".
func (all urlSettings) get(name string) (value string) {
	for _, s := range all {
		if s.name == name {
			_, value, _ = strings.Cut(s.pair, "=")
			value, _ = url.PathUnescape(value) // pgx will say what is wrong with it
		}
	}
	return value
}

// with returns the query with one setting replaced.
func (all urlSettings) with(name, value string) urlSettings {
	rest := slices.DeleteFunc(slices.Clone(all), func(s urlSetting) bool { return s.name == name })
	return append(rest, urlSetting{name, name + "=" + strings.ReplaceAll(url.QueryEscape(value), "+", "%20")})
}

func (all urlSettings) String() string {
	var pairs []string
	for _, s := range all {
		if s.pair != "" {
			pairs = append(pairs, s.pair)
		}
	}
	return strings.Join(pairs, "&")
}

func before(text, separator string) string {
	text, _, _ = strings.Cut(text, separator)
	return text
}
