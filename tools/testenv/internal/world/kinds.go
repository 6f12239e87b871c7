package world

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"

	"fnregistry.dev/functions/core"
)

// The kinds of servers. Matrix stands for one of the two after it.
const (
	Postgres   = "postgres"
	ClickHouse = "clickhouse"
	Keyring    = "keyring"
	Matrix     = "matrix"
	Dendrite   = "matrix=dendrite"
	Synapse    = "matrix=synapse"
)

// All are the kinds that are started where none is named.
var All = []string{Postgres, ClickHouse, Keyring, Matrix}

// names are what a user may write.
var names = append(slices.Clone(All), Dendrite, Synapse)

// setUps create the data and the configuration of a new server, after making
// sure that its software is installed.
var setUps = map[string]func(context.Context, *Server) (*setup, error){
	Postgres:   setUpPostgres,
	ClickHouse: setUpClickHouse,
	Keyring:    setUpKeyring,
	Dendrite:   setUpDendrite,
	Synapse:    setUpSynapse,
}

// Kinds reads the names of servers as a person writes them: none means All. It
// returns what to start, and which kind of homeserver "matrix" stands for in
// this run.
func Kinds(args []string) (kinds []string, matrix string, err error) {
	if len(args) == 0 {
		return All, Dendrite, nil
	}
	for _, arg := range args {
		switch {
		case !slices.Contains(names, arg):
			return nil, "", &core.Error{
				Code:    core.CodeInvalid,
				Message: fmt.Sprintf("there is no server %q", arg),
				Hint:    hintKinds(arg),
			}
		case arg == Matrix:
			arg = Dendrite
		}
		if strings.HasPrefix(arg, Matrix) {
			if matrix != "" && matrix != arg {
				return nil, "", &core.Error{
					Code:    core.CodeInvalid,
					Message: "there can be only one homeserver",
					Hint:    "name matrix or " + Synapse + ", not both",
				}
			}
			matrix = arg
		}
		if !slices.Contains(kinds, arg) {
			kinds = append(kinds, arg)
		}
	}
	if matrix == "" {
		matrix = Dendrite
	}
	return kinds, matrix, nil
}

func hintKinds(arg string) string {
	return cmp.Or(core.DidYouMean(core.NameNearest(arg, names)...), "there are "+strings.Join(names, ", "))
}
