package program_test

import (
	"fmt"
	"testing"

	"fnregistry.dev/functions/infra/program"
	"fnregistry.dev/functions/infra/yaml"
)

// A secret that has not been fetched yet is set, and shown like any other.
func TestProgramSecret_Place(t *testing.T) {
	t.Parallel()
	var s struct {
		Token program.ProgramSecret `yaml:"token"`
	}
	if s.Token.IsSet() || fmt.Sprint(s.Token) != "" {
		t.Errorf("the zero value: %v", s.Token)
	}
	if err := yaml.YAMLDecode([]byte("token: {store: a/b}"), &s, yaml.YAMLDecodeConfig{}); err != nil {
		t.Fatal(err)
	}
	if !s.Token.IsSet() || fmt.Sprintf("%+v", s.Token) != "[secret]" || s.Token.Reveal() != "" {
		t.Errorf("%v, %q", s.Token, s.Token.Reveal())
	}
}
