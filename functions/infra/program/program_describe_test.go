package program_test

import (
	"encoding/json"
	"flag"
	"os"
	"reflect"
	"testing"

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

// The schema knows the keys that yaml_decode takes, and no others.
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
