// Package spec is the model of a unit's spec, the Markdown file with YAML
// frontmatter next to the code: reading it with the position of every key and
// value ([Parse]), editing it in place ([Document.Set]), writing a new one
// ([Format]), and the model as data ([Keys], [JSONSchema]).
// The package handles one file at a time and does no I/O. What a spec says
// about other units or the code is checked elsewhere.
package spec

import "slices"

// Kind says what sort of unit a spec describes.
type Kind = string

// The kinds of units.
const (
	KindFunction Kind = "function"
	KindType     Kind = "type"
	KindPipeline Kind = "pipeline" // a function that only composes registered functions
	KindApp      Kind = "app"      // a program
)

// The purities of a unit.
const (
	PurityPure   = "pure"   // same input, same output; no I/O, clock, randomness or global state
	PurityImpure = "impure" // anything else
)

// LangGo is the only language that units are written in so far.
const LangGo = "go"

// MaxSize is the largest spec that [Parse] reads, in bytes. A caller need not
// read more than MaxSize+1 bytes of a file: Parse refuses it at that size. It
// is a guard, some 300 times the size of a usual spec.
const MaxSize = 1 << 20

// MaxFrontmatter is the largest frontmatter that [Parse] reads, in bytes: some
// 30 times the usual one. It bounds what a hostile file can cost, since a YAML
// parser does much work on some small texts.
const MaxFrontmatter = 64 << 10

// maxProblems limits the problems of a document: nobody would read more.
const maxProblems = 100

// Spec is what the frontmatter says. A key that is absent, or whose value has
// the wrong type, leaves its field zero; a list that stands there empty is
// empty and not nil. The meaning of each field is the Description of its [Key].
type Spec struct {
	Name            string   `json:"name"`
	Kind            Kind     `json:"kind"`
	Lang            string   `json:"lang"`
	Domain          string   `json:"domain"`
	Version         string   `json:"version"`
	Purity          string   `json:"purity"`
	Signature       string   `json:"signature"`
	Description     string   `json:"description"`
	Tags            []string `json:"tags"`
	Params          []Param  `json:"params"`
	Output          string   `json:"output"`
	UsesFunctions   []string `json:"uses_functions"`
	UsesTypes       []string `json:"uses_types"`
	Returns         []string `json:"returns"`
	ReturnsOptional bool     `json:"returns_optional"`
	ErrorType       string   `json:"error_type"`
	Imports         []string `json:"imports"`
	BuildTags       []string `json:"build_tags"`
	Tested          bool     `json:"tested"`
	Tests           []string `json:"tests"`
	TestFilePath    string   `json:"test_file_path"`
	FilePath        string   `json:"file_path"`

	ForbiddenImports []string `json:"forbidden_imports,omitempty"`

	// Kind app only.
	BinaryMBMax float64  `json:"binary_mb_max,omitempty"` // megabytes, 10^6 bytes
	BuildFlags  []string `json:"build_flags,omitempty"`
	Run         string   `json:"run,omitempty"`
}

// Param describes one parameter, under its Go name, or one field of a config
// struct, as cfg.Field.
type Param struct {
	Name string `json:"name"`
	Desc string `json:"desc"`
}

// IsName reports whether a text has the form of a unit's name: snake_case.
func IsName(name string) bool { return lookupKey("name").match.MatchString(name) }

// IsLang reports whether a text is a language that units are written in.
func IsLang(lang string) bool { return slices.Contains(lookupKey("lang").Enum, lang) }

// IsDomain reports whether a text has the form of a domain: one word.
func IsDomain(domain string) bool { return lookupKey("domain").match.MatchString(domain) }

// ID is the unit's stable ID, name_lang_domain, put together from what is
// written even if that is not valid.
func (s *Spec) ID() string {
	return s.Name + "_" + s.Lang + "_" + s.Domain
}
