package program

import (
	"errors"
	"fmt"

	"go.yaml.in/yaml/v3"
)

// ProgramSecret is a setting that must not be shown: a token, a password, a
// key. It prints as "[secret]" in every form, and only Reveal gives its text.
// The zero value is a secret that is not set.
//
// In a file it is written as where it is kept, {file: PATH}, {env: NAME} or, in
// a program with a token store, {store: NAME}; program_config reads it from
// there. Before that, as in the completion of a command line, it is set and
// Reveal returns "".
//
// More in program_secret.md:
//   - What Reveal returns is an ordinary string: don't put it into an error, a
//     log or a URL.
//   - It does not decode from JSON, and in YAML it is only the place where the
//     secret is kept, never the secret.
type ProgramSecret struct {
	text   string
	from   secretPlace
	stores bool // the program has a token store
}

// secretPlace is where a secret is kept; at most one of the names is set.
type secretPlace struct {
	File  string `yaml:"file"`
	Env   string `yaml:"env"`
	Store string `yaml:"store"`
}

// shown is printed in place of a secret that is set.
const shown = "[secret]"

// Reveal returns the secret itself; "" if it is not set or not fetched yet.
func (s ProgramSecret) Reveal() string { return s.text }

// IsSet reports whether there is a secret, or a place from which one is
// fetched.
func (s ProgramSecret) IsSet() bool { return s.text != "" || s.from != secretPlace{} }

// String returns "[secret]", or "" if it is not set.
func (s ProgramSecret) String() string {
	if !s.IsSet() {
		return ""
	}
	return shown
}

// Format prints as String does, whatever the verb, so that %#v and %x don't
// show the fields.
func (s ProgramSecret) Format(f fmt.State, _ rune) { fmt.Fprint(f, s.String()) }

// MarshalText makes encoders (JSON, slog) write what String returns.
func (s ProgramSecret) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// UnmarshalYAML reads where the secret is kept. The secret itself is refused: a
// file of settings is copied, committed and shown.
func (s *ProgramSecret) UnmarshalYAML(node *yaml.Node) error {
	hint := "write where it is kept: {file: PATH} or {env: NAME}"
	if s.stores {
		hint = "write where it is kept: {file: PATH}, {env: NAME} or {store: NAME}"
	}
	if node.Kind != yaml.MappingNode {
		return errors.New("a secret does not belong in this file; " + hint)
	}
	var place secretPlace
	given := 0
	for i := 0; i < len(node.Content); i += 2 {
		key, value := node.Content[i].Value, node.Content[i+1]
		into, ok := map[string]*string{"file": &place.File, "env": &place.Env, "store": &place.Store}[key]
		if !ok || value.Kind != yaml.ScalarNode || value.Value == "" {
			return errors.New(hint)
		}
		*into = value.Value
		given++
	}
	if given != 1 {
		return errors.New(hint)
	}
	s.text, s.from = "", place
	return nil
}
