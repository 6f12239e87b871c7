package spec

// The rules that [Parse] checks: the Rule of a [Problem].
const (
	RuleYAML      = "schema-yaml"      // the frontmatter is not what YAML calls a block mapping of plain data
	RuleMissing   = "schema-missing"   // a key that the kind needs is absent or has no value
	RuleUnknown   = "schema-unknown"   // a key that no spec has, or not one of this kind
	RuleType      = "schema-type"      // a value of the wrong type
	RuleEnum      = "schema-enum"      // a word that is not among the allowed ones
	RuleVersion   = "schema-version"   // not a semantic version
	RuleID        = "schema-id"        // not a name, a domain or an ID name_lang_domain
	RuleTag       = "schema-tag"       // not a tag, or not a build tag
	RulePath      = "schema-path"      // not a relative slash-separated path, or not an import path
	RuleDuplicate = "schema-duplicate" // a key or an item that appears twice
	RuleEncoding  = "schema-encoding"  // a byte order mark, CRLF, NUL, invalid UTF-8 and similar
	RuleSize      = "schema-size"      // larger than MaxSize, or its frontmatter than MaxFrontmatter
	RuleBody      = "schema-body"      // a section of the body is absent, empty or does not show the unit

	RuleUnfinished = "schema-unfinished" // words that fn new wrote are left in it
)

// Pos is a place in a file. Line and Column count from 1, Column in bytes. The
// zero Pos is no place.
type Pos struct {
	Line   int `json:"line"`
	Column int `json:"column"`
}

// Problem is something wrong with a spec.
type Problem struct {
	Rule    string // one of the Rule constants
	Pos     Pos
	Message string // what is wrong: lower case, no full stop
	Hint    string // what to do about it, or empty
	Key     string // the top-level key concerned, or empty
	// Suggestion is the word that was most likely meant by an unknown key or a
	// bad enum value, or empty.
	Suggestion string
}
