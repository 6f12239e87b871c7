package data

import (
	"context"
	"regexp"
	"slices"
	"strings"

	"fnregistry.dev/functions/infra/sqlite"
)

// Access says what a caller may read and write. Its methods may be called by
// several goroutines at once.
type Access struct {
	// Name is who calls, for the audit: the name of a token, or local for
	// programs of this machine.
	Name string
	// ReadOnly is true for who may write nothing.
	ReadOnly bool
	// Rules say what may be read and written, by the name of a database, or *
	// for those without rules of their own. A database without rules can't be
	// reached. nil: everything may be read, and everything written where the
	// program allows writing.
	Rules map[string]Rules
}

// Rules are what a caller may do in one database.
type Rules struct {
	Read  []string            // tables, or * for all
	Write []string            // tables, or * for all; they must be readable, too
	Hide  map[string][]string // columns that can't be read, or * for all, by table; table * is for all
}

// Local is the access of programs of this machine, without a token: they read
// everything.
var Local = &Access{Name: "local", ReadOnly: true}

// Full is the access of a token without rules.
var Full = &Access{Name: "token"}

type accessKey struct{}

// WithAccess returns a context that carries the caller's access.
func WithAccess(ctx context.Context, a *Access) context.Context {
	return context.WithValue(ctx, accessKey{}, a)
}

// AccessFrom returns the caller's access. Without one nothing is allowed.
func AccessFrom(ctx context.Context) *Access {
	if a, ok := ctx.Value(accessKey{}).(*Access); ok {
		return a
	}
	return &Access{Rules: map[string]Rules{}}
}

// rules are those for a database.
func (a *Access) rules(database string) (Rules, bool) {
	rules, ok := a.Rules[database]
	if !ok {
		rules, ok = a.Rules["*"]
	}
	return rules, ok
}

// CanOpen reports whether anything of a database may be read.
func (a *Access) CanOpen(database string) bool {
	rules, ok := a.rules(database)
	return a.Rules == nil || ok && len(rules.Read) > 0
}

// CanRead reports whether a table may be read. One whose columns are all hidden
// can't.
func (a *Access) CanRead(database, table string) bool {
	if a.Rules == nil {
		return true
	}
	rules, _ := a.rules(database)
	for name, columns := range rules.Hide {
		if matches([]string{name}, table) && slices.Contains(columns, "*") {
			return false
		}
	}
	return matches(rules.Read, table)
}

// CanWrite reports whether rows of a table may be changed.
func (a *Access) CanWrite(database, table string) bool {
	rules, _ := a.rules(database)
	return !a.ReadOnly && (a.Rules == nil || a.CanRead(database, table) && matches(rules.Write, table))
}

// CanReadColumn reports whether a column of a table may be read, filtered and
// sorted by, and written where its table may be.
func (a *Access) CanReadColumn(database, table, column string) bool {
	if a.Rules == nil {
		return true
	}
	if !a.CanRead(database, table) {
		return false
	}
	rules, _ := a.rules(database)
	for name, columns := range rules.Hide {
		if matches([]string{name}, table) && matches(columns, column) {
			return false
		}
	}
	return true
}

// hides reports whether there is anything in a database that may not be read.
func (a *Access) hides(database string) bool {
	if a.Rules == nil {
		return false
	}
	rules, _ := a.rules(database)
	return len(rules.Hide) > 0 || !matches(rules.Read, "*")
}

// canReadTable is CanRead for a table of the schema. Where something is hidden,
// virtual tables and their storage are, too: a full-text index has the words of
// hidden columns.
func (a *Access) canReadTable(database string, t *sqlite.SQLiteSchemaTable) bool {
	return a.CanRead(database, t.Name) && (t.Kind == "table" || t.Kind == "view" || !a.hides(database))
}

// canReadColumnOf is CanReadColumn for a table of the schema. Computed columns
// next to hidden ones are hidden, since they may be made of them.
func (a *Access) canReadColumnOf(database string, t *sqlite.SQLiteSchemaTable, column string) bool {
	if !a.CanReadColumn(database, t.Name, column) {
		return false
	}
	computed := slices.ContainsFunc(t.Columns, func(c sqlite.SQLiteSchemaColumn) bool { return c.Computed != "" && equalName(c.Name, column) })
	return !computed || !slices.ContainsFunc(t.Columns, func(c sqlite.SQLiteSchemaColumn) bool {
		return !a.CanReadColumn(database, t.Name, c.Name)
	})
}

var (
	natural = regexp.MustCompile(`(?i)\bnatural\b`)
	using   = regexp.MustCompile(`(?i)\busing\b[^(]*\(([^)]*)\)`)
)

// joinsHidden reports whether a view joins tables by columns that may not be
// read, or could: SQLite's authorizer isn't asked about those of USING and
// NATURAL.
func (a *Access) joinsHidden(database string, tables []sqlite.SQLiteSchemaTable, view string) bool {
	if natural.MatchString(view) {
		return true
	}
	for _, list := range using.FindAllStringSubmatch(view, -1) {
		for name := range strings.SplitSeq(list[1], ",") {
			name = strings.Trim(name, " \t\r\n\f\"`[]")
			for _, t := range tables {
				if strings.ContainsAny(name, "\"-/*") || !a.CanReadColumn(database, t.Name, name) && slices.ContainsFunc(t.Columns, func(c sqlite.SQLiteSchemaColumn) bool {
					return equalName(c.Name, name)
				}) {
					return true
				}
			}
		}
	}
	return false
}

// matches reports whether a name is in a list, as SQLite compares names, or the
// list has *.
func matches(list []string, name string) bool {
	for _, entry := range list {
		if entry == "*" || equalName(entry, name) {
			return true
		}
	}
	return false
}

// equalName compares names as SQLite does: the case of ASCII letters doesn't
// count.
func equalName(a, b string) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range len(a) {
		if lower(a[i]) != lower(b[i]) {
			return false
		}
	}
	return true
}

func lower(c byte) byte {
	if 'A' <= c && c <= 'Z' {
		return c + 'a' - 'A'
	}
	return c
}
