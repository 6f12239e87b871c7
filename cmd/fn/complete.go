package main

import (
	"context"
	"slices"

	"fnregistry.dev/fn_registry/config"
	"fnregistry.dev/fn_registry/registry"
	"fnregistry.dev/fn_registry/size"
	"fnregistry.dev/fn_registry/spec"
)

// words are the values of flags with a fixed set of values.
var words = map[string][]string{
	"kind":      {spec.KindFunction, spec.KindType, spec.KindPipeline, spec.KindApp},
	"purity":    {spec.PurityPure, spec.PurityImpure},
	"format":    graphFormats,
	"direction": {"uses", "used_by"},
}

// completeFlag lists the possible values of a flag.
func (e *env) completeFlag(ctx context.Context, flag string) []string {
	switch flag {
	case "uses":
		return e.completeUnits(ctx, nil)
	case "domain":
		return e.domains(ctx)
	case "base":
		return append([]string{size.Server.Name, size.Empty.Name}, e.apps(ctx)...)
	}
	return words[flag]
}

// cached returns the cached state without reading the files: a completion must
// be immediate, and may be slightly out of date. It is nil if there is none.
func (e *env) cached(ctx context.Context) *registry.State {
	dir, err := e.findRoot(config.FileName, ".git")
	if err != nil {
		return nil
	}
	opts, _ := e.options(dir)
	opts.Progress = nil
	r, err := registry.Open(ctx, opts)
	if err != nil {
		return nil
	}
	defer r.Close()
	return r.State()
}

// completeUnit lists units for the first argument.
func (e *env) completeUnit(ctx context.Context, args []string) []string {
	if len(args) > 0 {
		return nil
	}
	return e.completeUnits(ctx, args)
}

// completeUnits lists units for each argument.
func (e *env) completeUnits(ctx context.Context, _ []string) []string {
	s := e.cached(ctx)
	if s == nil {
		return nil
	}
	var list []string
	for _, u := range s.Catalog.Units {
		list = append(list, u.ID+"\t"+u.Spec.Description)
	}
	return list
}

func (e *env) apps(ctx context.Context) []string {
	s := e.cached(ctx)
	if s == nil {
		return nil
	}
	var list []string
	for _, app := range s.Apps() {
		list = append(list, app.ID)
	}
	return list
}

// domains lists the domains that are configured or in use.
func (e *env) domains(ctx context.Context) []string {
	s := e.cached(ctx)
	if s == nil {
		return nil
	}
	list := slices.Clone(s.Catalog.Roots[0].Config.Domains)
	for _, d := range s.Stats().Domains {
		list = append(list, d.Name)
	}
	slices.Sort(list)
	return slices.Compact(list)
}
