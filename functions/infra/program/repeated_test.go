package program

import (
	"reflect"
	"strings"
	"testing"
)

// words appends, so that its values may hold commas.
type words []string

func (w *words) UnmarshalText(text []byte) error {
	*w = append(*w, string(text))
	return nil
}

func TestProgramConfig_Appends(t *testing.T) {
	t.Parallel()
	type options struct {
		Word words `yaml:"-" flag:"word" short:"w" doc:"a word"`
	}
	result, err := ProgramConfig(t.Context(), ProgramConfigSources[options]{Program: "app", Args: []string{"--word", "a, b", "-w=c"}})
	if want := (words{"a, b", "c"}); err != nil || !reflect.DeepEqual(result.Config.Word, want) {
		t.Errorf("%q, %v, want %q", result.Config.Word, err, want)
	}
}

// A list that is empty has no default to tell of.
func TestProgramDescribe_EmptyList(t *testing.T) {
	t.Parallel()
	about, err := ProgramDescribe("app", &struct {
		Word words `yaml:"-" flag:"word" doc:"a word"`
	}{})
	if err != nil || strings.Contains(about.Usage(), "default") {
		t.Errorf("%v\n%s", err, about.Usage())
	}
}
