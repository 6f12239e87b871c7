package main

import (
	"context"
	"fmt"
	"io"

	"fnregistry.dev/fn_registry/registry"
	"fnregistry.dev/functions/infra/program"
)

// reachFunc follows the graph of uses in one direction.
type reachFunc func(*registry.State, string) (*registry.Reach, error)

func usesCommand() *program.ProgramCommandHandle {
	return reachCommand("uses", "show a unit's dependencies as a tree",
		"Show all units that a unit or program depends on, directly or indirectly, each below the one that uses it.",
		usesTitle, (*registry.State).Dependencies)
}

func usesTitle(r *registry.Reach) string {
	if r.Total == 0 {
		return r.ID + " uses no other unit"
	}
	return r.ID + " uses " + plural(r.Total, "unit")
}

func impactCommand() *program.ProgramCommandHandle {
	return reachCommand("impact", "show what may break when a unit changes, programs included, as a tree",
		"Show all units and programs that depend on a unit, directly or indirectly: what may break when it changes.",
		impactTitle, (*registry.State).Dependents)
}

func impactTitle(r *registry.Reach) string {
	switch {
	case r.Total == 0:
		return "nothing uses " + r.ID
	case len(r.Apps) == 0:
		return plural(r.Total, "unit") + " may break when " + r.ID + " changes"
	}
	return fmt.Sprintf("%s may break when %s changes, %s among them", plural(r.Total, "unit"), r.ID, plural(len(r.Apps), "program"))
}

func reachCommand(
	name, doc, help string,
	title func(*registry.Reach) string,
	follow reachFunc,
) *program.ProgramCommandHandle {
	return command(program.ProgramCommandConfig[*common]{
		Name: name, Args: "ID", ArgsDoc: aUnit, Least: 1, Doc: doc, Help: help,
	}, func(ctx context.Context, e *env, _ *common, args []string) error {
		s, done, err := e.state(ctx)
		if err != nil {
			return err
		}
		defer done()
		r, err := reach(s, args[0], follow)
		if err != nil {
			return err
		}
		return e.answer(r, func(w io.Writer) {
			fmt.Fprintln(w, title(r))
			writeTree(w, r)
		})
	}, (*env).completeUnit)
}

// reach follows the graph from a unit by its ID, name or symbol.
func reach(s *registry.State, named string, follow reachFunc) (*registry.Reach, error) {
	id, err := s.Resolve(named)
	if err != nil {
		return nil, err
	}
	return follow(s, id)
}
