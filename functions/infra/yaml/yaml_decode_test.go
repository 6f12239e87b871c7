package yaml_test

import (
	"errors"
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"

	"go.yaml.in/yaml/v3"

	"fnregistry.dev/functions/core"
	fnyaml "fnregistry.dev/functions/infra/yaml"
)

type common struct {
	Labels map[string]string `yaml:"labels"`
}

// words is a list that may be written as one word.
type words []string

func (w *words) UnmarshalYAML(node *yaml.Node) error {
	if node.Kind == yaml.ScalarNode {
		*w = strings.Fields(node.Value)
		return nil
	}
	return node.Decode((*[]string)(w))
}

type level int

func (l *level) UnmarshalText(text []byte) error {
	switch string(text) {
	case "low":
		*l = 1
	case "high":
		*l = 2
	default:
		return fmt.Errorf("%q is not one of low, high", text)
	}
	return nil
}

type job struct {
	Name    string        `yaml:"name"`
	Timeout time.Duration `yaml:"timeout"`
	Retries int8          `yaml:"retries"`
	Ratio   float64       `yaml:"ratio"`
	On      bool          `yaml:"on"`
	Level   level         `yaml:"level"`
	Command words         `yaml:"command"`
	Any     any           `yaml:"any"`
	Start   *time.Time    `yaml:"start"`
	Steps   []job         `yaml:"steps"`
	Parent  *job          `yaml:"parent"`
	Plain   string
	Hidden  string `yaml:"-"`
	common
}

func TestYAMLDecode_Takes(t *testing.T) {
	t.Parallel()
	start := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	for text, want := range map[string]job{
		"":             {Name: "default"},
		"# nothing\n":  {Name: "default"},
		"---\n":        {Name: "default"},
		"name:\n":      {Name: "default"},
		"name: ''\n":   {},
		"name: 1.10\n": {Name: "1.10"},
		"name: yes\n":  {Name: "yes"},
		"plain: x\n":   {Name: "default", Plain: "x"},
		"{name: a, retries: -7, ratio: .5, on: true, timeout: 1m30s, level: high}": {Name: "a", Retries: -7, Ratio: .5, On: true, Timeout: 90 * time.Second, Level: 2},
		"command: a b\n":                      {Name: "default", Command: words{"a", "b"}},
		"command: [a, 'b c']\n":               {Name: "default", Command: words{"a", "b c"}},
		"any: {a: [1, x, null]}\n":            {Name: "default", Any: map[string]any{"a": []any{1, "x", nil}}},
		"start: 2026-01-02T03:04:05Z\n":       {Name: "default", Start: &start},
		"labels: {a: 1, b: x}\n":              {Name: "default", common: common{map[string]string{"a": "1", "b": "x"}}},
		"steps:\n- name: a\n- {name: b}\n":    {Name: "default", Steps: []job{{Name: "a"}, {Name: "b"}}},
		"steps: []\n":                         {Name: "default", Steps: []job{}},
		"parent: &p {name: a}\nsteps: [*p]\n": {Name: "default", Parent: &job{Name: "a"}, Steps: []job{{Name: "a"}}},
		"parent: &p {name: a, plain: b}\nsteps: [{<<: *p, plain: c}]\n":                               {Name: "default", Parent: &job{Name: "a", Plain: "b"}, Steps: []job{{Name: "a", Plain: "c"}}},
		"parent: &p {name: a, parent: &q {name: q, plain: q}}\nsteps: [{<<: [*p, *q], retries: 1}]\n": {Name: "default", Parent: &job{Name: "a", Parent: &job{Name: "q", Plain: "q"}}, Steps: []job{{Name: "a", Plain: "q", Retries: 1, Parent: &job{Name: "q", Plain: "q"}}}},
	} {
		got := job{Name: "default"}
		if err := fnyaml.YAMLDecode([]byte(text), &got, fnyaml.YAMLDecodeConfig{}); err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%q:\n%+v, %v\nwant %+v", text, got, err, want)
		}
	}
}

func TestYAMLDecode_Problems(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"nmae: a\n":          `job.yaml:1:1: unknown key "nmae"; did you mean name?`,
		"zebra: a\n":         `job.yaml:1:1: unknown key "zebra"; known are name, timeout, retries, ratio, on, level, command, any, start, steps, parent, plain, labels`,
		"Hidden: a\n":        `job.yaml:1:1: unknown key "Hidden"; known are name, timeout, retries, ratio, on, level, command, any, start, steps, parent, plain, labels`,
		"name: [a]\n":        `job.yaml:1:7: name: it is a list, want a string`,
		"retries: 128\n":     `job.yaml:1:10: retries: it is "128", want a whole number that fits int8`,
		"retries: many\n":    `job.yaml:1:10: retries: it is "many", want a whole number that fits int8`,
		"on: maybe\n":        `job.yaml:1:5: on: it is "maybe", want true or false`,
		"timeout: 5\n":       `job.yaml:1:10: timeout: it is "5", want a duration such as 1m30s`,
		"level: mid\n":       `job.yaml:1:8: level: "mid" is not one of low, high`,
		"level: [low]\n":     `job.yaml:1:8: level: it is a list, want a text`,
		"labels: x\n":        `job.yaml:1:9: labels: it is "x", want keys with values`,
		"steps: {name: a}\n": `job.yaml:1:8: steps: it has keys, want a list`,
		"- a\n":              `job.yaml:1:1: it is a list, want keys with values`,
		"name: a\nname: b\n": `job.yaml:2:1: key "name" appears twice, first in line 1`,
		"nme: a\non: x\non: true\n[a]: 1\n": "job.yaml:1:1: unknown key \"nme\"; did you mean name?\njob.yaml:2:5: on: it is \"x\", want true or false\n" +
			"job.yaml:3:1: key \"on\" appears twice, first in line 2\njob.yaml:4:1: a key is not a scalar",
		"name: a\n---\nname: b\n":           `job.yaml:2:1: there is a second document`,
		"name: !include x\n":                `job.yaml:1:7: name: unknown tag !include`,
		"a: b: c\n":                         `job.yaml:1:1: mapping values are not allowed in this context`,
		"steps:\n- name: a\n  retires: 1\n": `job.yaml:3:3: steps[0]: unknown key "retires"; did you mean retries?`,
		"retries: x\nsteps:\n- on: maybe\n": "job.yaml:1:10: retries: it is \"x\", want a whole number that fits int8\njob.yaml:3:7: steps[0].on: it is \"maybe\", want true or false",
		"? [a]\n: b\n":                      `job.yaml:1:3: a key is not a scalar`,
		"<<: x\n":                           `job.yaml:1:5: only keys with values can be merged`,
		"steps: &s [{steps: *s}]\n":         `job.yaml:1:8: steps` + strings.Repeat("[0].steps", 33) + ": it is nested deeper than 100",
	} {
		var got job
		err := fnyaml.YAMLDecode([]byte(text), &got, fnyaml.YAMLDecodeConfig{Name: "job.yaml"})
		if core.ErrorCode(err) != core.CodeInvalid || fmt.Sprint(err) != "yaml_decode: "+want {
			t.Errorf("%q:\n%v\nwant %s", text, err, want)
		}
		if problem, ok := errors.AsType[*fnyaml.YAMLProblem](err); !ok || problem.Line == 0 {
			t.Errorf("%q: %#v", text, problem)
		}
	}
	if err := fnyaml.YAMLDecode(nil, job{}, fnyaml.YAMLDecodeConfig{}); core.ErrorCode(err) != core.CodeInvalid {
		t.Error(err)
	}
}

// Aliases that would expand to billions of nodes hit the limit.
func TestYAMLDecode_AliasBomb(t *testing.T) {
	t.Parallel()
	var text strings.Builder
	text.WriteString("parent: &a0 {name: x}\nsteps:\n")
	for i := range 20 {
		fmt.Fprintf(&text, "- &a%d {steps: [%s]}\n", i+1, strings.TrimSuffix(strings.Repeat(fmt.Sprintf("*a%d, ", i), 10), ", "))
	}
	var got job
	err := fnyaml.YAMLDecode([]byte(text.String()), &got, fnyaml.YAMLDecodeConfig{MaxNodes: 100_000})
	if core.ErrorCode(err) != core.CodeTooLarge || !strings.Contains(fmt.Sprint(err), "too large once its aliases are expanded") {
		t.Errorf("%.500v", err)
	}
}

func TestYAMLDecode_OnValue(t *testing.T) {
	t.Parallel()
	var seen []string
	var got job
	err := fnyaml.YAMLDecode([]byte("name: a\nlabels: {x: 1}\nsteps:\n- command: [b]\n- {}\n"), &got, fnyaml.YAMLDecodeConfig{
		OnValue: func(path string, line, column int) { seen = append(seen, fmt.Sprintf("%s@%d:%d", path, line, column)) },
	})
	if got, want := strings.Join(seen, " "), "name@1:7 labels.x@2:13 steps[0].command@4:12"; err != nil || got != want {
		t.Errorf("%s, %v, want %s", got, err, want)
	}
}

// If YAMLDecode accepts a text, the library decodes it to the same value.
func FuzzYAMLDecode(f *testing.F) {
	for _, seed := range []string{"name: a", "steps: [{on: true}]", "a: &a [*a]", "<<: {name: x}", "parent: {<<: {name: x}}", "any: {? a : b}", "retries: 0x10", "ratio: .inf", "--- a\n--- b"} {
		f.Add(seed)
	}
	type plain struct {
		Name    string            `yaml:"name"`
		Retries int8              `yaml:"retries"`
		Ratio   float64           `yaml:"ratio"`
		On      bool              `yaml:"on"`
		Labels  map[string]string `yaml:"labels"`
		Steps   []string          `yaml:"steps"`
	}
	f.Fuzz(func(t *testing.T, text string) {
		var got, want plain
		if err := fnyaml.YAMLDecode([]byte(text), &got, fnyaml.YAMLDecodeConfig{MaxNodes: 10_000}); err != nil {
			if code := core.ErrorCode(err); code != core.CodeInvalid && code != core.CodeTooLarge {
				t.Errorf("%q: %v", text, err)
			}
			return
		}
		if err := yaml.Unmarshal([]byte(text), &want); err != nil || fmt.Sprint(got) != fmt.Sprint(want) {
			t.Errorf("%q: %+v, the library %+v, %v", text, got, want, err)
		}
	})
}

// color and shape are types whose own errors callers look for.
type color string

type shape string

var errOwn = errors.New("there is none")

func (c *color) UnmarshalText([]byte) error { return errOwn }

func (s *shape) UnmarshalYAML(*yaml.Node) error { return errOwn }

func TestYAMLDecode_OwnError(t *testing.T) {
	t.Parallel()
	var v struct {
		Color color `yaml:"color"`
		Shape shape `yaml:"shape"`
	}
	for _, text := range []string{"color: puce\n", "shape: round\n"} {
		if err := fnyaml.YAMLDecode([]byte(text), &v, fnyaml.YAMLDecodeConfig{}); core.ErrorCode(err) != core.CodeInvalid || !errors.Is(err, errOwn) {
			t.Errorf("%q: %v", text, err)
		}
	}
}

// Everything that an alias stands for counts, also keys that are merged again
// and again without being set, and what an untyped value holds: 44 kB took
// seconds.
func TestYAMLDecode_MergedAgainAndAgain(t *testing.T) {
	t.Parallel()
	var big strings.Builder
	for i := range 2000 {
		fmt.Fprintf(&big, "k%d: 1, ", i)
	}
	keys := strings.TrimSuffix(big.String(), ", ")
	again := strings.TrimSuffix(strings.Repeat("*a, ", 2000), ", ")
	for name, text := range map[string]string{
		"merged":  "a: &a {" + keys + "}\nb: {<<: [" + again + "]}\n",
		"nested":  "a: &a {" + keys + "}\nb: &b {<<: *a}\nc: {" + strings.ReplaceAll(keys, ": 1", ": {<<: *b}") + "}\n",
		"untyped": "a: &a [" + strings.TrimSuffix(strings.Repeat("1, ", 2000), ", ") + "]\nb: [" + again + "]\n",
		"itself":  "a: &a [*a, *a]\n",
	} {
		var untyped map[string]any
		if err := fnyaml.YAMLDecode([]byte(text), &untyped, fnyaml.YAMLDecodeConfig{}); core.ErrorCode(err) != core.CodeTooLarge {
			t.Errorf("%s: %.200v", name, err)
		}
		if name != "merged" {
			continue
		}
		var typed map[string]map[string]int
		if err := fnyaml.YAMLDecode([]byte(text), &typed, fnyaml.YAMLDecodeConfig{}); core.ErrorCode(err) != core.CodeTooLarge {
			t.Errorf("%s, typed: %.200v", name, err)
		}
	}
}
