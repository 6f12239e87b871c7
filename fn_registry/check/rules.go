package check

import (
	"fmt"
	"slices"
	"strings"

	"fnregistry.dev/fn_registry/spec"
	"fnregistry.dev/functions/core"
)

// Rules returns every rule, in the order in which they are listed and
// explained.
func Rules() []*Rule { return all }

var all = slices.Concat(schemaRules, []*Rule{
	fileReadRule, fileSizeRule, fileSyntaxRule, configRule,
	duplicateIDRule, domainRule, specFileRule, codeMissingRule, specMissingRule,
	signatureRule, paramsRule, importsRule, usesFunctionsRule, usesTypesRule, returnsRule, returnsOptionalRule, errorTypeRule,
	buildTagsRule, filePathRule, testFilePathRule, testsRule, testedRule, testsReachRule, docCommentRule,
	pipelineRule, purityRule, cycleRule, importDirectionRule, forbiddenImportsRule, versionRule,
})

// Named returns the rule of this name; the error for an unknown one suggests
// similar names.
func Named(name string) (*Rule, error) {
	if i := slices.IndexFunc(all, func(r *Rule) bool { return r.Name == name }); i >= 0 {
		return all[i], nil
	}
	var names []string
	for _, r := range all {
		names = append(names, r.Name)
	}
	if near := spec.Suggest(name, names); near != "" {
		return nil, fmt.Errorf("no rule %q; %s", name, core.DidYouMean(near))
	}
	return nil, fmt.Errorf("no rule %q; the rules are %s", name, strings.Join(names, ", "))
}

func choose(names []string) ([]*Rule, error) {
	if len(names) == 0 {
		return all, nil
	}
	var chosen []*Rule
	for _, name := range names {
		r, err := Named(name)
		if err != nil {
			return nil, err
		}
		chosen = append(chosen, r)
	}
	return chosen, nil
}
