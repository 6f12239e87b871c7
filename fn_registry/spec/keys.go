package spec

import (
	"regexp"
	"slices"
)

// Type is the type of a key's value.
type Type string

// The types of values.
const (
	TypeString Type = "string"
	TypeBool   Type = "bool"
	TypeNumber Type = "number"
	TypeList   Type = "list"   // of strings
	TypeParams Type = "params" // a list of mappings with name and desc
)

// Key is one key of the frontmatter: the model as data. Validation, the JSON
// Schema and the documentation follow it.
type Key struct {
	Name        string
	Type        Type
	Required    []Kind   // the kinds that must have it
	Optional    []Kind   // further kinds that may have it
	Derived     bool     // derived from the code; otherwise written by a person
	Description string   // its meaning: lower case, no full stop
	Enum        []string // the allowed values; empty: any
	Pattern     string   // what the value, or each item of a list, must match (RE2, also valid ECMA 262); empty: anything
	PatternHint string   // the pattern in words
	Rule        string   // the rule violated by a value that does not match the pattern
	Empty       bool     // an empty string is a value, not a missing one
	Repeats     bool     // the list may have repeated items

	match *regexp.Regexp
	usual func(string) bool // see usualForms
}

// fits reports whether a value matches the pattern.
func (k *Key) fits(value string) bool {
	return k.match == nil || k.usual != nil && k.usual(value) || k.match.MatchString(value)
}

// Applies reports whether a spec of this kind may have the key.
func (k *Key) Applies(kind Kind) bool {
	return slices.Contains(k.Required, kind) || slices.Contains(k.Optional, kind)
}

const (
	wordPattern   = `[a-z][a-z0-9]*`
	snake         = wordPattern + `(_[a-z0-9]+)*`
	namePattern   = `^` + snake + `$`
	domainPattern = `^` + wordPattern + `$`
	tagPattern    = `^[a-z0-9]+(-[a-z0-9]+)*$`
	idPattern     = `^` + snake + `_go_` + wordPattern + `$`
	noneOrID      = `^$|` + idPattern
	idHint        = "an ID is name_lang_domain, as backoff_delay_go_core"
	// versionPattern is the pattern that semver.org suggests for version 2.0.0,
	// without its groups.
	versionPattern = `^(0|[1-9][0-9]*)\.(0|[1-9][0-9]*)\.(0|[1-9][0-9]*)` +
		`(-(0|[1-9][0-9]*|[0-9]*[a-zA-Z-][0-9a-zA-Z-]*)(\.(0|[1-9][0-9]*|[0-9]*[a-zA-Z-][0-9a-zA-Z-]*))*)?` +
		`(\+[0-9a-zA-Z-]+(\.[0-9a-zA-Z-]+)*)?$`
	// pathElement is anything but "." and "..", without backslash, colon and
	// control characters.
	pathElement   = `([^/\\:.\x00-\x1f][^/\\:\x00-\x1f]*|\.[^/\\:.\x00-\x1f][^/\\:\x00-\x1f]*|\.\.[^/\\:\x00-\x1f]+)`
	pathPattern   = `^` + pathElement + `(/` + pathElement + `)*$`
	noneOrPath    = `^$|` + pathPattern
	pathHint      = "a path starts at the repository's root, has forward slashes and no . or .. in it"
	importPattern = "^[^\\s\"'`\\\\:/][^\\s\"'`\\\\:]*$"
	importHint    = "write the import path as it stands in the Go file, without quotes"
)

var (
	codeKinds = []Kind{KindFunction, KindType, KindPipeline}
	callKinds = []Kind{KindFunction, KindPipeline}
	typeOnly  = []Kind{KindType}
	appOnly   = []Kind{KindApp}
	allKinds  = []Kind{KindFunction, KindType, KindPipeline, KindApp}
)

// keys is the model, in the canonical order of the keys.
var keys = compile([]Key{
	{Name: "name", Type: TypeString, Required: allKinds, Pattern: namePattern, Rule: RuleID,
		PatternHint: "a name is snake_case: lower-case words of letters and digits, joined by _",
		Description: "snake_case, unique in the repository; with lang and domain it makes the ID name_lang_domain"},
	{Name: "kind", Type: TypeString, Required: allKinds, Enum: allKinds,
		Description: "function, type, pipeline (a function that only composes registered functions) or app"},
	{Name: "lang", Type: TypeString, Required: allKinds, Enum: []string{LangGo},
		Description: "the language: go"},
	{Name: "domain", Type: TypeString, Required: allKinds, Pattern: domainPattern, Rule: RuleID,
		PatternHint: "a domain is one lower-case word of letters and digits",
		Description: "one of the domains of fn_registry.yaml, as core"},
	{Name: "version", Type: TypeString, Required: allKinds, Pattern: versionPattern, Rule: RuleVersion,
		PatternHint: "a version is major.minor.patch, as 0.1.0 or 1.2.0-rc.1",
		Description: "semantic version of the unit; it is raised when the signature changes"},
	{Name: "purity", Type: TypeString, Required: codeKinds, Enum: []string{PurityPure, PurityImpure},
		Description: "pure (same input, same output, no I/O, no clock, no randomness, no global state) or impure"},
	{Name: "signature", Type: TypeString, Required: codeKinds, Derived: true,
		Description: "the Go declaration without its body on one line, as go doc prints it"},
	{Name: "description", Type: TypeString, Required: allKinds,
		Description: "one to three sentences: what it does, for people who search"},
	{Name: "tags", Type: TypeList, Required: allKinds, Pattern: tagPattern, Rule: RuleTag,
		PatternHint: "a tag is a lower-case word of letters, digits and dashes",
		Description: "lower-case words of letters, digits and dashes"},
	{Name: "params", Type: TypeParams, Required: callKinds, Optional: typeOnly,
		Description: "every parameter by its Go name, with its description; an exported field of a config struct as cfg.Field, with unit and default"},
	{Name: "output", Type: TypeString, Required: codeKinds, Empty: true,
		Description: "what comes back, field by field where it is a handle, and who closes it"},
	{Name: "uses_functions", Type: TypeList, Required: allKinds, Derived: true, Pattern: idPattern, PatternHint: idHint, Rule: RuleID,
		Description: "IDs of the registered functions that its code calls"},
	{Name: "uses_types", Type: TypeList, Required: codeKinds, Derived: true, Pattern: idPattern, PatternHint: idHint, Rule: RuleID,
		Description: "IDs of the registered types that its code names"},
	{Name: "returns", Type: TypeList, Required: codeKinds, Derived: true, Pattern: idPattern, PatternHint: idHint, Rule: RuleID,
		Description: "IDs of the registered types among its results"},
	{Name: "returns_optional", Type: TypeBool, Required: codeKinds,
		Description: "whether a nil or a false with no error is a normal answer"},
	{Name: "error_type", Type: TypeString, Required: codeKinds, Empty: true, Pattern: noneOrID, PatternHint: idHint, Rule: RuleID,
		Description: "ID of the registered error type where it returns an error, else empty"},
	{Name: "imports", Type: TypeList, Required: codeKinds, Derived: true, Pattern: importPattern, PatternHint: importHint, Rule: RulePath,
		Description: "the third-party packages that its file imports (not the standard library, not this repository)"},
	{Name: "build_tags", Type: TypeList, Required: codeKinds, Derived: true, Pattern: `^[A-Za-z0-9_.]+$`, Rule: RuleTag,
		PatternHint: "a build tag is one word of letters, digits, underscores and dots",
		Description: "the build tags that its file or its test needs"},
	{Name: "tested", Type: TypeBool, Required: codeKinds, Derived: true,
		Description: "whether it has tests"},
	{Name: "tests", Type: TypeList, Required: codeKinds, Derived: true, Repeats: true,
		Description: "the names of its tests: of TestFooBar_Case and of a subtest Case only the Case"},
	{Name: "test_file_path", Type: TypeString, Required: codeKinds, Derived: true, Empty: true,
		Pattern: noneOrPath, PatternHint: pathHint, Rule: RulePath,
		Description: "path of its test file from the repository's root; empty without tests"},
	{Name: "file_path", Type: TypeString, Required: allKinds, Derived: true, Pattern: pathPattern, PatternHint: pathHint, Rule: RulePath,
		Description: "path of its Go file from the repository's root"},
	{Name: "binary_mb_max", Type: TypeNumber, Required: appOnly,
		Description: "largest size of the stripped linux/amd64 binary, in megabytes of 10^6 bytes"},
	{Name: "forbidden_imports", Type: TypeList, Optional: allKinds, Pattern: importPattern, PatternHint: importHint, Rule: RulePath,
		Description: "import paths, mostly of drivers, that a program must not link through it; each covers the packages below it"},
	{Name: "build_flags", Type: TypeList, Optional: appOnly, Pattern: `^-[a-z]+=[^\s]+$`, Rule: RuleTag,
		PatternHint: "a build flag is one word, as -tags=nethttpomithttp2",
		Description: "flags of go build that it is built with, beside -trimpath and -ldflags=-s -w"},
	{Name: "run", Type: TypeString, Required: appOnly,
		Description: "the command that starts it"},
})

func compile(list []Key) []Key {
	for i := range list {
		if list[i].Pattern != "" {
			list[i].match = regexp.MustCompile(list[i].Pattern)
			list[i].usual = usualForms[list[i].Pattern]
		}
	}
	return list
}

// Keys is the model as data: every key of the frontmatter, in the order in
// which [Format] writes them. The caller may change the slice but not what its
// elements refer to.
func Keys() []Key {
	return slices.Clone(keys)
}

// keyIndex returns a key's index in the canonical order, or -1.
func keyIndex(name string) int {
	for i := range keys { // by index: a Key is large
		if keys[i].Name == name {
			return i
		}
	}
	return -1
}

// lookupKey returns the key with that name, or nil.
func lookupKey(name string) *Key {
	if i := keyIndex(name); i >= 0 {
		return &keys[i]
	}
	return nil
}
