package check

import (
	"fnregistry.dev/fn_registry/catalog"
	"fnregistry.dev/fn_registry/spec"
	"fnregistry.dev/functions/core"
)

// schemaRules are the rules about the spec's own form; package spec applies
// them while parsing.
var schemaRules = []*Rule{
	schema(spec.RuleYAML, "the frontmatter is a block of plain YAML", "A spec begins with a line `---`, one block mapping of plain values, and a closing `---`. "+
		"Flow mappings (`{...}`), anchors, aliases and several documents are not read. Until this is fixed, nothing else of the file is checked."),
	schema(spec.RuleMissing, "every key that the kind needs is present", "docs/spec-format.md lists the keys of each kind. A key without a value counts as missing; write `[]` or `\"\"` where there is "+
		"nothing to say. Keys that can be derived from the code are written by `-fix`."),
	schema(spec.RuleUnknown, "no key is unknown", "A key that no spec of this kind has is usually misspelt, and its content would be ignored. Rename it, or remove it."),
	schema(spec.RuleType, "values have the type of their key", "A list stays a list even with one element: `tags: [one]`. Versions and names that look like numbers need quotes."),
	schema(spec.RuleEnum, "words are among the allowed ones", "kind, lang and purity have fixed sets of words. `-explain` of a kind's meaning: docs/spec-format.md."),
	schema(spec.RuleVersion, "version is a semantic version", "`MAJOR.MINOR.PATCH`, as defined by semver.org. It belongs to the unit, not to the module."),
	schema(spec.RuleID, "names and IDs are well formed", "A name is snake_case. An ID is `name_lang_domain`, as `backoff_delay_go_core`, and stays the same wherever the unit moves."),
	schema(spec.RuleTag, "tags are lower-case words", "Letters, digits and dashes: people and agents filter by them, so `HTTP` and `http` must be one."),
	schema(spec.RulePath, "paths are relative to the root, with slashes", "No absolute path, no `..`, no backslash: specs are read on every machine."),
	schema(spec.RuleDuplicate, "no key and no list element is repeated", "Given two equal keys, some YAML readers use the first and some the last. Delete the wrong one."),
	schema(spec.RuleEncoding, "the file is plain UTF-8 with LF", "No byte order mark, no CRLF, no NUL, no bytes that are not UTF-8: tools that read specs line by line fail on each of these."),
	schema(spec.RuleSize, "the file is no larger than a spec can be", "Larger files are not read: most likely it is a data file with the wrong name."),
	schema(spec.RuleUnfinished, "no text of the scaffold is left", "`fn new` writes a stub whose texts say that it is not written yet. If they stay when the code is finished, readers and agents believe that there is nothing to use. "+
		"A unit tagged `stub` may keep them."),
	schema(spec.RuleBody, "the body has Example, When to use and Gotchas", "Readers decide by them whether to use the unit. The Example calls the unit, outside comments, in a fenced block of Go; every fence is closed. Spanish headings (Ejemplo, Cuando usarla, Gotchas) count as the same."),
}

func schema(name, summary, explanation string) *Rule {
	return &Rule{Name: name, Severity: Error, Summary: summary, Explanation: explanation, unit: func(p *pass, u *catalog.Unit) {
		for _, problem := range u.Problems {
			if problem.Rule == name {
				p.schema(u, problem)
			}
		}
	}}
}

// schema reports what the parser found. If the code determines the value of the
// key, that is the fix.
func (p *pass) schema(u *catalog.Unit, problem spec.Problem) {
	message := problem.Message
	if problem.Suggestion != "" {
		message += "; " + core.DidYouMean(problem.Suggestion)
	} else if problem.Hint != "" {
		message += "; " + problem.Hint
	}
	var fix *Fix
	if value, ok := p.value(problem.Key); ok && problem.Rule != spec.RuleUnknown {
		fix = p.set(problem.Key, value)
	}
	if problem.Rule == spec.RuleEncoding {
		if edits := p.document().FixEncoding(); len(edits) > 0 {
			fix = &Fix{
				Description: "write it without byte order mark and with LF",
				File:        u.File,
				Edits:       edits,
				encoding:    true,
			}
		}
	}
	p.at(u, u.Dir.Root, u.File, problem.Pos.Line, problem.Pos.Column, fix, "%s", message)
}

// value returns what a derived key should be, if the code shows it.
func (p *pass) value(key string) (any, bool) {
	d, ok := p.derive()
	if !ok || p.unit.IsApp() && key != "uses_functions" && key != "file_path" {
		return nil, false
	}
	switch key {
	case "signature":
		return d.Signature, true
	case "uses_functions":
		return d.UsesFunctions, true
	case "uses_types":
		return d.UsesTypes, true
	case "returns":
		return d.Returns, true
	case "imports":
		return d.Imports, true
	case "build_tags":
		return d.BuildTags, true
	case "tests":
		return d.Tests, true
	case "tested":
		return len(d.Tests) > 0, true
	case "test_file_path":
		return d.TestFilePath, true
	case "file_path":
		return d.FilePath, true
	case "returns_optional":
		return d.Optional == catalog.Yes, d.Optional != catalog.Unknown
	case "error_type":
		return p.errorType(d)
	}
	return nil, false
}
