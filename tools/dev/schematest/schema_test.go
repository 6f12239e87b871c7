// Package schematest checks the published JSON Schema with a validator and
// against the parser of fn_registry/spec. It is here because fn_registry itself
// requires only a YAML parser.
package schematest

import (
	"bytes"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"go.yaml.in/yaml/v3"

	"fnregistry.dev/fn_registry/spec"
)

func compileSchema(t *testing.T) *jsonschema.Schema {
	t.Helper()
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(spec.JSONSchema()))
	if err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler() // it validates the schema against its draft
	if err := c.AddResource(spec.SchemaID, doc); err != nil {
		t.Fatal(err)
	}
	s, err := c.Compile(spec.SchemaID)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func frontmatter(t *testing.T, src string) any {
	t.Helper()
	var v any
	if err := yaml.Unmarshal([]byte(strings.Split(src, "---\n")[1]), &v); err != nil {
		t.Fatal(err)
	}
	return v
}

const appSpec = `---
name: chat_bot
kind: app
lang: go
domain: apps
version: 0.1.0
description: A bot.
tags: []
uses_functions: [sse_handler_go_infra]
file_path: apps/chat_bot/main.go
binary_mb_max: 8.7
run: chat_bot
---
`

// TestSchema_AgreesWithParser changes one line of a spec at a time: schema and
// parser must both refuse it, or neither.
func TestSchema_AgreesWithParser(t *testing.T) {
	t.Parallel()
	schema := compileSchema(t)
	src, err := os.ReadFile("../../../fn_registry/spec/testdata/sample.md")
	if err != nil {
		t.Fatal(err)
	}
	function := string(src)
	typ := strings.Replace(function, "kind: function", "kind: type", 1)
	for _, tc := range []struct {
		src, line, with string
		good            bool
	}{
		{function, "", "", true},
		{typ, "", "", true},
		{strings.Replace(function, "kind: function", "kind: pipeline", 1), "", "", true},
		{appSpec, "", "", true},
		{appSpec, "run: chat_bot", "run: chat_bot\nforbidden_imports: [a.b/c]", true},
		{appSpec, "run: chat_bot\n", "", false},
		{appSpec, "run: chat_bot", "run: chat_bot\npurity: pure", false},
		{appSpec, "binary_mb_max: 8.7", "binary_mb_max: 0", false},
		{appSpec, "binary_mb_max: 8.7", "binary_mb_max: 9", true},
		{appSpec, "binary_mb_max: 8.7", `binary_mb_max: "9"`, false},
		{function, "lang: go", "lang: go\nrun: x", false},
		{function, "lang: go", "lang: go\nautor: x", false},
		{function, "lang: go\n", "", false},
		{function, "lang: go", "lang: rust", false},
		{function, "kind: function", "kind: funktion", false},
		{function, "tested: true\n", "", false},
		{function, "tested: true", "tested: yes please", false},
		{function, "name: matrix_sync_service", "name: Matrix", false},
		{function, "name: matrix_sync_service", `name: ""`, false},
		{function, "name: matrix_sync_service", "name:", false},
		{function, "domain: infra", "domain: in_fra", false},
		{function, "version: 0.1.0", "version: 1.0.0-rc.1+b.7", true},
		{function, "version: 0.1.0", "version: 1.0.0-01", false},
		{function, "version: 0.1.0", "version: 1.0.0-", false},
		{function, "version: 0.1.0", "version: 1.0", false},
		{function, "tags: [matrix,", "tags: [matrix, matrix,", false},
		{function, "tags: [matrix,", "tags: [two-words,", true},
		{function, "tags: [matrix,", "tags: [two_words,", false},
		{function, "tags: [matrix,", `tags: ["",`, false},
		{function, "tags: [matrix,", "tags: [1,", false},
		{function, "tests: [R", "tests: [R, R, R", true},
		{function, "returns: []", "returns: [error_go_core]", true},
		{function, "returns: []", "returns: [error]", false},
		{function, "error_type: error_go_core", `error_type: ""`, true},
		{function, "error_type: error_go_core", "error_type: error", false},
		{function, "[goolm]", "[go olm]", false},
		{function, "[goolm]", "goolm", false},
		{function, "file_path: functions/infra/matrix/matrix_sync_service.go", "file_path: a/../b.go", false},
		{function, "file_path: functions/infra/matrix/matrix_sync_service.go", "file_path: a//b.go", false},
		{function, "file_path: functions/infra/matrix/matrix_sync_service.go", "file_path: a/.b/..c/...", true},
		{function, "file_path: functions/infra/matrix/matrix_sync_service.go", `file_path: ""`, false},
		{function, "test_file_path: functions/infra/matrix/matrix_sync_service_test.go", `test_file_path: ""`, true},
		{function, "  - name: ctx", "  - name: ctx\n    unit: ms", false},
		{function, "  - name: ctx", `  - name: ""`, false},
		{function, "    desc: Parent context. When it is cancelled the goroutine leaves and closes the channels.\n", "", false},
	} {
		if !strings.Contains(tc.src, tc.line) {
			t.Fatalf("the spec has no %q", tc.line)
		}
		text := strings.Replace(tc.src, tc.line, tc.with, 1)
		err := schema.Validate(frontmatter(t, text))
		if (err == nil) != tc.good {
			t.Errorf("%s: schema: %v", tc.with, err)
		}
		if problems := spec.Parse("x.md", []byte(text)).Problems; (len(problems) == 0) != tc.good {
			t.Errorf("%s: parser: %+v", tc.with, problems)
		}
	}
}

// TestSchema_EveryKeyIsNeeded omits one key after another: the schema reports
// exactly the ones that the model requires.
func TestSchema_EveryKeyIsNeeded(t *testing.T) {
	t.Parallel()
	schema := compileSchema(t)
	function, err := os.ReadFile("../../../fn_registry/spec/testdata/sample.md")
	if err != nil {
		t.Fatal(err)
	}
	for kind, src := range map[spec.Kind]string{spec.KindFunction: string(function), spec.KindApp: appSpec} {
		for _, k := range spec.Keys() {
			v := frontmatter(t, src).(map[string]any)
			if _, has := v[k.Name]; !has {
				continue
			}
			delete(v, k.Name)
			if err := schema.Validate(v); (err != nil) != slices.Contains(k.Required, kind) {
				t.Errorf("kind %s without %s: %v", kind, k.Name, err)
			}
		}
	}
}
