package main

import (
	"context"
	"fmt"
	"os"
	"slices"

	"fnregistry.dev/apps/sqlite_api/data"
	"fnregistry.dev/functions/core"
	"fnregistry.dev/functions/infra/sqlite"
	"fnregistry.dev/functions/infra/yaml"
)

// queriesFile is the file of --queries.
type queriesFile struct {
	Queries []queryEntry `yaml:"queries"`
}

// queryEntry is a stored query. Parameters says more about those that its SQL
// has; one that is not listed has no default.
type queryEntry struct {
	Name       string                    `yaml:"name"`
	Database   string                    `yaml:"database"`
	Title      string                    `yaml:"title"`
	Doc        string                    `yaml:"doc"`
	SQL        string                    `yaml:"sql"`
	Parameters map[string]parameterEntry `yaml:"parameters"`
}

type parameterEntry struct {
	Doc     string  `yaml:"doc"`
	Default *string `yaml:"default"` // absent: a value must be given
}

// storeQueries reads the file of --queries, and checks each query against its
// database. An empty path is no queries.
//
// Errors: CodeInvalid with the file and the line; what reading a file gives.
func storeQueries(ctx context.Context, path string, set *data.Set) error {
	if path == "" {
		return nil
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return &core.Error{Code: core.ErrorCode(err), Op: "queries", Err: err}
	}
	var file queriesFile
	lines := map[string]int{}
	err = yaml.YAMLDecode(text, &file, yaml.YAMLDecodeConfig{Name: path, MaxNodes: 100_000, OnValue: func(at string, line, _ int) { lines[at] = line }})
	if err != nil {
		return err
	}
	for i, entry := range file.Queries {
		if err := entry.store(ctx, set); err != nil {
			line := max(1, lines[fmt.Sprintf("queries[%d].name", i)])
			return &core.Error{
				Code: core.CodeInvalid, Message: fmt.Sprintf("%s:%d: query %q: %s", path, line, entry.Name, data.Message(err)), Hint: core.ErrorHint(err),
			}
		}
	}
	return nil
}

func (e queryEntry) store(ctx context.Context, set *data.Set) error {
	if e.Name == "" || e.Database == "" || e.SQL == "" {
		return &core.Error{Code: core.CodeInvalid, Message: "it lacks a name, a database or its sql"}
	}
	q := data.StoredQuery{Name: e.Name, Title: e.Title, Doc: e.Doc, SQL: e.SQL}
	names := sqlite.SQLiteQueryParameters(e.SQL)
	for _, name := range names {
		p := data.StoredParameter{Name: name, Doc: e.Parameters[name].Doc, Required: e.Parameters[name].Default == nil}
		if !p.Required {
			p.Default = *e.Parameters[name].Default
		}
		q.Parameters = append(q.Parameters, p)
	}
	for name := range e.Parameters {
		if !slices.Contains(names, name) {
			return &core.Error{Code: core.CodeInvalid, Message: fmt.Sprintf("its sql has no parameter :%s", name)}
		}
	}
	return set.Store(ctx, e.Database, q)
}
