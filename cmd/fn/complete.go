package main

import (
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"fnregistry.dev/fn_registry/config"
	"fnregistry.dev/fn_registry/registry"
	"fnregistry.dev/fn_registry/spec"
)

var (
	kindWords   = []string{spec.KindFunction, spec.KindType, spec.KindPipeline, spec.KindApp}
	purityWords = []string{spec.PurityPure, spec.PurityImpure}
)

func noCompletion(*cobra.Command, []string, string) ([]cobra.Completion, cobra.ShellCompDirective) {
	return nil, cobra.ShellCompDirectiveNoFileComp
}

// cached returns what is known without a look at the files: a completion must come at once, and may be a little old.
func (e *env) cached(c *cobra.Command) (*registry.Registry, bool) {
	dir, err := e.findRoot(config.FileName, ".git")
	if err != nil {
		return nil, false
	}
	opts, _ := e.options(dir)
	opts.Progress = nil
	r, err := registry.Open(c.Context(), opts)
	return r, err == nil
}

// completeUnits completes unit IDs, as many as there are arguments for.
func (e *env) completeUnits(most int) cobra.CompletionFunc {
	return func(c *cobra.Command, args []string, begun string) ([]cobra.Completion, cobra.ShellCompDirective) {
		if len(args) >= most {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		return e.unitsWith(c, begun), cobra.ShellCompDirectiveNoFileComp
	}
}

func (e *env) unitsWith(c *cobra.Command, begun string) []cobra.Completion {
	r, ok := e.cached(c)
	if !ok {
		return nil
	}
	defer r.Close()
	var list []cobra.Completion
	for _, u := range r.State().Catalog.Units {
		if strings.HasPrefix(u.ID, begun) {
			list = append(list, cobra.CompletionWithDesc(u.ID, u.Spec.Description))
		}
	}
	return list
}

// completeIDList completes the last ID of a list with commas.
func (e *env) completeIDList(c *cobra.Command, _ []string, begun string) ([]cobra.Completion, cobra.ShellCompDirective) {
	before := begun[:strings.LastIndexByte(begun, ',')+1]
	var list []cobra.Completion
	for _, id := range e.unitsWith(c, begun[len(before):]) {
		list = append(list, before+id)
	}
	return list, cobra.ShellCompDirectiveNoFileComp | cobra.ShellCompDirectiveNoSpace
}

// completeWords completes a flag whose values are fixed.
func (e *env) completeWords(c *cobra.Command, flag string, words []string) {
	must(c.RegisterFlagCompletionFunc(flag, cobra.FixedCompletions(words, cobra.ShellCompDirectiveNoFileComp)))
}

// completeDomains completes --domain with the domains that are set or in use.
func (e *env) completeDomains(c *cobra.Command) {
	must(c.RegisterFlagCompletionFunc("domain", func(c *cobra.Command, _ []string, _ string) ([]cobra.Completion, cobra.ShellCompDirective) {
		r, ok := e.cached(c)
		if !ok {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		defer r.Close()
		list := slices.Clone(r.State().Catalog.Roots[0].Config.Domains)
		for _, d := range r.State().Stats().Domains {
			list = append(list, d.Name)
		}
		slices.Sort(list)
		return slices.Compact(list), cobra.ShellCompDirectiveNoFileComp
	}))
}

// completionNeedsShell makes the library's completion command refuse a shell that it does not know, as all other
// commands do with what they don't know, instead of showing its help.
func completionNeedsShell(root *cobra.Command) {
	root.InitDefaultCompletionCmd("completion")
	c, _, err := root.Find([]string{"completion"})
	must(err)
	c.Args = cobra.ArbitraryArgs
	c.RunE = func(c *cobra.Command, args []string) error {
		return &usageError{message: "fn completion needs a shell: bash, zsh, fish or powershell", hint: "fn completion bash --help says what to do with what it prints"}
	}
}

// must is for errors that only a mistake in this program's own flags makes.
func must(err error) {
	if err != nil {
		panic(err)
	}
}
