package program_test

import (
	"encoding/json"
	"flag"
	"os"
	"reflect"
	"testing"

	"fnregistry.dev/functions/core"
	"fnregistry.dev/functions/infra/program"
	"fnregistry.dev/functions/infra/yaml"
)

var update = flag.Bool("update", false, "write testdata")

// The texts as people and editors see them.
func TestProgramDescribe_Goldens(t *testing.T) {
	t.Parallel()
	d, err := program.ProgramDescribe("my-app", defaults())
	if err != nil {
		t.Fatal(err)
	}
	for file, got := range map[string]string{"usage.txt": d.Usage(), "settings.md": d.Markdown(), "schema.json": string(d.JSONSchema())} {
		if *update {
			if err := os.WriteFile("testdata/"+file, []byte(got), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile("testdata/" + file)
		if err != nil || got != string(want) {
			t.Errorf("%s: %v, got\n%s", file, err, got)
		}
	}
}

// A pointer to the struct gives the same description, and the struct is not
// changed.
func TestProgramDescribe_Pointer(t *testing.T) {
	t.Parallel()
	d, err := program.ProgramDescribe("my-app", defaults())
	if err != nil {
		t.Fatal(err)
	}
	s := defaults()
	pointed, err := program.ProgramDescribe("my-app", &s)
	if err != nil || !reflect.DeepEqual(d, pointed) || !reflect.DeepEqual(s, defaults()) {
		t.Errorf("%+v, %v", pointed, err)
	}
	type logged struct{ program.ProgramLog }
	own := new(logged)
	for _, given := range []*logged{own, nil} {
		d, err := program.ProgramDescribe("my-app", given)
		if err != nil || len(d.Fields) != 3 || d.Fields[0].Default != "info" || own.Log.Level != "" {
			t.Errorf("%+v, %v, %+v", d, err, own)
		}
	}
	if _, err := program.ProgramDescribe("my-app", 5); core.ErrorCode(err) != core.CodeInternal {
		t.Error(err)
	}
	number := new(int)
	if _, err := program.ProgramDescribe("my-app", &number); core.ErrorCode(err) != core.CodeInternal {
		t.Error(err)
	}
}

// The enum of a list applies to its items.
func TestProgramDescribe_SchemaOfListWithEnum(t *testing.T) {
	t.Parallel()
	d, err := program.ProgramDescribe("my-app", struct {
		Kinds []string `yaml:"kinds" doc:"which" enum:"a,b"`
	}{})
	if err != nil {
		t.Fatal(err)
	}
	var schema struct{ Properties map[string]any }
	if err := json.Unmarshal(d.JSONSchema(), &schema); err != nil {
		t.Fatal(err)
	}
	want := map[string]any{"description": "which", "type": "array", "items": map[string]any{"type": "string", "enum": []any{"a", "b"}}}
	if got := schema.Properties["kinds"]; !reflect.DeepEqual(got, want) {
		t.Errorf("%v", got)
	}
}

// The schema has exactly the keys that yaml_decode accepts.
func TestProgramDescribe_SchemaFitsDecode(t *testing.T) {
	t.Parallel()
	d, err := program.ProgramDescribe("my-app", defaults())
	if err != nil {
		t.Fatal(err)
	}
	var schema struct {
		Properties map[string]struct {
			Properties map[string]any
		}
	}
	if err := json.Unmarshal(d.JSONSchema(), &schema); err != nil {
		t.Fatal(err)
	}
	for key := range schema.Properties {
		var s settings
		if err := yaml.YAMLDecode([]byte(key+":\n"), &s, yaml.YAMLDecodeConfig{}); err != nil {
			t.Error(err)
		}
	}
	if got := len(schema.Properties); got != 10 || !reflect.DeepEqual(schema.Properties["http"].Properties["max_body"], map[string]any{"type": "integer", "description": "bytes of a request"}) {
		t.Errorf("%d properties, %v", got, schema.Properties["http"])
	}
}
