package clickhouse

import (
	"fmt"
	"slices"
	"strings"

	"fnregistry.dev/functions/core"
)

// bindArgs inserts the values into the query's text as literals: the native
// protocol has parameters only since 22.8. The driver does the same, but
// ignores surplus values, and writes 5-? with -1 as 5--1, which is a comment.
func bindArgs(found []placeholder, cfg ClickHouseQueryJSONConfig) (string, error) {
	if err := checkArgs(found, cfg); err != nil {
		return "", err
	}
	var text strings.Builder
	done := 0
	for i, p := range found {
		value, label := any(nil), query(cfg.Query, p)
		switch {
		case p.name != "":
			value = cfg.Named[p.name]
		case p.number > 0:
			value = cfg.Args[p.number-1]
		default:
			value, label = cfg.Args[i], fmt.Sprintf("?%d", i+1)
		}
		literal, err := appendLiteral(nil, value)
		if err != nil {
			return "", &core.Error{Code: core.CodeInvalid, Op: "clickhouse_query_json", Message: "parameter " + label, Err: err}
		}
		text.WriteString(cfg.Query[done:p.start])
		text.Write(literal)
		done = p.end
	}
	text.WriteString(cfg.Query[done:])
	return text.String(), nil
}

func query(text string, p placeholder) string { return text[p.start:p.end] }

// checkArgs verifies that each placeholder has a value and each value a
// placeholder.
func checkArgs(found []placeholder, cfg ClickHouseQueryJSONConfig) error {
	kinds := [3]bool{}
	used := map[string]bool{}
	highest := 0
	for _, p := range found {
		switch {
		case p.name != "":
			kinds[0] = true
			used[p.name] = true
			if _, ok := cfg.Named[p.name]; !ok {
				return argsError("no value for parameter @" + p.name)
			}
		case query(cfg.Query, p) == "?":
			kinds[1] = true
			highest++
		case p.number == 0:
			return argsError("parameter $0: the first one is $1")
		default:
			kinds[2] = true
			highest = max(highest, p.number)
		}
	}
	if n := slices.DeleteFunc(kinds[:], func(k bool) bool { return !k }); len(n) > 1 {
		return argsError("the query mixes parameters of the kinds ?, $1 and @name")
	}
	for name := range cfg.Named {
		if !used[name] {
			return argsError(fmt.Sprintf("the query has no parameter with the name %q", name))
		}
	}
	if highest != len(cfg.Args) {
		return argsError(fmt.Sprintf("the query has %d parameters, Args has %d values", highest, len(cfg.Args)))
	}
	return nil
}

func argsError(message string) error {
	return queryError(core.CodeInvalid, message, "")
}
