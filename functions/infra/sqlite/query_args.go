package sqlite

import (
	"database/sql"
	"database/sql/driver"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"fnregistry.dev/functions/core"
)

// bindArgs lists the values for a statement's parameters in index order. It
// refuses what the drivers treat differently: mattn binds NULL for a name
// without a value, modernc ignores a value without a parameter.
func bindArgs(params []param, cfg SQLiteQueryRowsConfig) ([]any, error) {
	named := slices.ContainsFunc(params, func(p param) bool { return p.name != "" })
	if !named {
		if len(cfg.Named) > 0 {
			return nil, argsError("the query has no parameter with a name, but Named has values")
		}
		if len(params) != len(cfg.Args) {
			return nil, argsError(
				fmt.Sprintf("the query has %d parameters, Args has %d values", len(params), len(cfg.Args)),
			)
		}
		return convertAll(cfg.Args)
	}
	if len(cfg.Args) > 0 {
		return nil, argsError("the query has parameters with names, but Args has values")
	}
	return bindNamed(params, cfg.Named)
}

func bindNamed(params []param, values map[string]any) ([]any, error) {
	args := make([]any, len(params))
	used := map[string]bool{}
	for i, p := range params {
		if p.name == "" {
			return nil, argsError("the query has parameters both with and without names")
		}
		name := p.name[1:]
		if p.name[0] == '#' || !isLetter(name[0]) || strings.ContainsAny(name, "(:$") {
			return nil, argsError(
				fmt.Sprintf("parameter %s: a name is :, @ or $, a letter, then letters, digits and _", p.name),
			)
		}
		value, ok := values[name]
		if !ok {
			return nil, argsError(fmt.Sprintf("no value for parameter %s", p.name))
		}
		used[name] = true
		value, err := convertArg(p.name, value)
		if err != nil {
			return nil, err
		}
		args[i] = sql.Named(name, value)
	}
	for name := range values {
		if !used[name] {
			return nil, argsError(fmt.Sprintf("the query has no parameter with the name %q", name))
		}
	}
	return args, nil
}

func isLetter(c byte) bool { return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' }

func convertAll(values []any) ([]any, error) {
	args := make([]any, len(values))
	for i, value := range values {
		var err error
		if args[i], err = convertArg(fmt.Sprintf("?%d", i+1), value); err != nil {
			return nil, err
		}
	}
	return args, nil
}

// convertArg turns a value into one that SQLite stores. A json.Number, as
// decoded with UseNumber, becomes an integer or a real; a driver would bind it
// as text.
func convertArg(name string, value any) (any, error) {
	if number, ok := value.(json.Number); ok {
		if n, err := number.Int64(); err == nil {
			return n, nil
		}
		f, err := number.Float64()
		if err != nil {
			return nil, argsError(fmt.Sprintf("parameter %s: %q is not a number", name, number))
		}
		return f, nil
	}
	converted, err := driver.DefaultParameterConverter.ConvertValue(value)
	if err != nil {
		return nil, argsError(fmt.Sprintf("parameter %s: a %T can't be stored", name, value))
	}
	return converted, nil
}

func argsError(message string) error {
	return queryError(core.CodeInvalid, message, "")
}
