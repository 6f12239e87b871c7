package data

import (
	"context"
	"fmt"
	"slices"

	"fnregistry.dev/functions/core"
	"fnregistry.dev/functions/infra/sqlite"
)

// Missing says which names in rules a database doesn't have, and which of its
// tables rules can't make readable. The database * is all of them.
func (s *Set) Missing(ctx context.Context, database string, rules Rules) ([]string, error) {
	if database == "*" {
		return nil, nil // which of them has a table is not said
	}
	i := slices.IndexFunc(s.databases, func(db *Database) bool { return db.Name == database })
	if i < 0 {
		return []string{fmt.Sprintf("no database %q is served", database)}, nil
	}
	tables, err := s.databases[i].tables(ctx)
	if err != nil {
		return nil, err
	}
	names := make([]string, len(tables))
	for i, t := range tables {
		names[i] = t.Name
	}
	var missing []string
	add := func(kind, name string, known []string) bool {
		if name == "*" || slices.ContainsFunc(known, func(k string) bool { return equalName(k, name) }) {
			return true
		}
		text := fmt.Sprintf("no %s %q", kind, name)
		if hint := core.DidYouMean(core.NameNearest(name, known)...); hint != "" {
			text += "; " + hint
		}
		missing = append(missing, text)
		return false
	}
	access := &Access{Rules: map[string]Rules{database: rules}}
	for _, name := range slices.Concat(rules.Read, rules.Write) {
		if !add("table", name, names) || name == "*" {
			continue
		}
		t := tables[slices.IndexFunc(names, func(n string) bool { return equalName(n, name) })]
		if !access.canReadTable(database, &t) {
			missing = append(missing, fmt.Sprintf("%q is a %s table, which can only be read where nothing is hidden", name, t.Kind))
		}
	}
	for name, columns := range rules.Hide {
		if !add("table", name, names) || name == "*" {
			continue
		}
		t := tables[slices.IndexFunc(names, func(n string) bool { return equalName(n, name) })]
		for _, column := range columns {
			add("column", column, columnNames(t))
		}
	}
	slices.Sort(missing)
	return slices.Compact(missing), nil
}

func columnNames(t sqlite.SQLiteSchemaTable) []string {
	names := make([]string, len(t.Columns))
	for i, c := range t.Columns {
		names[i] = c.Name
	}
	return names
}
