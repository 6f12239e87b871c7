package spec

import (
	"cmp"
	"fmt"
	"regexp"
	"strings"
	"testing"
)

// TestParse_Values changes one line of the sample and checks the resulting
// problems.
func TestParse_Values(t *testing.T) {
	t.Parallel()
	good := string(sample(t))
	for _, tc := range []struct{ line, with, want string }{
		{"name: matrix_sync_service\n", "", "1:1 schema-missing: the key name is missing"},
		{"name: matrix_sync_service", "name:", "2:1 schema-missing: name has no value"},
		{"name: matrix_sync_service", `name: ""`, "2:7 schema-missing: name is empty"},
		{"name: matrix_sync_service", "name: MatrixSync", `2:7 schema-id: name "MatrixSync" is not valid`},
		{"name: matrix_sync_service", "name: a__b", `2:7 schema-id: name "a__b" is not valid`},
		{"name: matrix_sync_service", "name: 42", "2:7 schema-type: name must be text, not the number 42"},
		{"name: matrix_sync_service", "name: [a]", "2:7 schema-type: name must be text, not a list"},
		{"name: matrix_sync_service", "name: {a: b}", "2:7 schema-type: name must be text, not a mapping"},
		{"name: matrix_sync_service", "name: 2020-01-01", "2:7 schema-type: name must be text, not the date 2020-01-01"},
		{"kind: function", "kind: fucntion", `3:7 schema-enum: kind "fucntion" is not one of function, type, pipeline, app`},
		{"kind: function", "kind: Function", `3:7 schema-enum: kind "Function" is not one of function, type, pipeline, app`},
		{"lang: go", "lang: rust", `4:7 schema-enum: lang "rust" is not one of go`},
		{"domain: infra", "domain: in_fra", `5:9 schema-id: domain "in_fra" is not valid`},
		{"version: 0.1.0", "version: 1.0", "6:10 schema-type: version must be text, not the number 1.0"},
		{"version: 0.1.0", "version: v1.0.0", `6:10 schema-version: version "v1.0.0" is not valid`},
		{"version: 0.1.0", "version: 01.0.0", `6:10 schema-version: version "01.0.0" is not valid`},
		{"version: 0.1.0", "version: 1.0.0-rc.1+b.7", ""},
		{"purity: impure", "purity: inpure", `7:9 schema-enum: purity "inpure" is not one of pure, impure`},
		{"[goolm]", "[goolm, go olm]", `29:21 schema-tag: build_tags: "go olm" is not valid`},
		{"[goolm]", "goolm", `29:13 schema-type: build_tags must be a list, not the text "goolm"`},
		{"[goolm]", "[goolm, goolm]", `29:21 schema-duplicate: build_tags has "goolm" twice`},
		{"[goolm]", `["", goolm]`, "29:14 schema-missing: item 1 of build_tags is empty"},
		{"[goolm]", "[goolm, ~]", "29:21 schema-type: item 2 of build_tags must be text, not nothing"},
		{"[goolm]", "\n  - goolm\n  - [x]", "31:5 schema-type: item 2 of build_tags must be text, not a list"},
		{"tags: [matrix,", "tags: [Matrix,", `10:8 schema-tag: tags: "Matrix" is not valid`},
		{"uses_types: []", "uses_types: [error]", `24:14 schema-id: uses_types: "error" is not valid`},
		{"error_type: error_go_core", "error_type: error", `27:13 schema-id: error_type "error" is not valid`},
		{"error_type: error_go_core", `error_type: ""`, ""},
		{"error_type: error_go_core", "error_type:", "27:1 schema-missing: error_type has no value"},
		{"returns_optional: false", "returns_optional: no", `26:19 schema-type: returns_optional must be true or false, not the text "no"`},
		{"tested: true", "tested: True", ""},
		{"tests: [R", "tests: [R, R, R", ""},
		{"maunium.net/go/mautrix/id]", "/abs]", `imports: "/abs" is not valid`},
		{"file_path: functions/infra/matrix/matrix_sync_service.go", "file_path: ../x.go", `file_path "../x.go" is not valid`},
		{"file_path: functions/infra/matrix/matrix_sync_service.go", "file_path: /x.go", `file_path "/x.go" is not valid`},
		{"file_path: functions/infra/matrix/matrix_sync_service.go", `file_path: a\b.go`, `file_path "a\\b.go" is not valid`},
		{"file_path: functions/infra/matrix/matrix_sync_service.go", "file_path: a/./b.go", `file_path "a/./b.go" is not valid`},
		{"file_path: functions/infra/matrix/matrix_sync_service.go", "file_path: a/.b/..c/...", ""},
		{"    desc: Parent context. When it is cancelled the goroutine leaves and closes the channels.\n", "    desc: Parent context, # of a test.\n", `13:11 schema-yaml: desc in item 1 of params ends before "# of a test.", which is a comment`},
		{"lang: go", "lang: go # of course", ""},
		{"lang: go", "lang: go\nlang: go", `5:1 schema-duplicate: the key "lang" appears twice`},
		{"lang: go", "lang: go\nautor: me", `5:1 schema-unknown: unknown key "autor"`},
		{"lang: go", "lang: go\nrun: x", "5:1 schema-unknown: a spec of kind function has no run"},
		{"  - name: ctx", "  - nmae: ctx", "12:5 schema-unknown: item 1 of params has the unknown key \"nmae\"\n12:5 schema-missing: item 1 of params has no name"},
		{"name: cfg.Client", "name: ctx", `14:11 schema-duplicate: the parameter "ctx" appears twice`},
		{"name: cfg.Client", "name: cfg.Client\n    name: x", `15:5 schema-duplicate: item 2 of params has "name" twice`},
		{"name: cfg.Client", "name: 1", "14:11 schema-type: name in item 2 of params must be text, not the number 1"},
		{"    desc: Parent context. When it is cancelled the goroutine leaves and closes the channels.\n", "", `12:11 schema-missing: the parameter "ctx" has no desc`},
		{"- name: ctx\n    desc: Parent context. When it is cancelled the goroutine leaves and closes the channels.", "- ctx", `12:5 schema-type: item 1 of params must be name and desc, not the text "ctx"`},
		{"## Example", "## Examined", "the section Example is missing"},
		{"## Example", "### Ejemplo ##", ""},
		{"## When to use", "# **Cuándo usarla:**", ""},
		{"- A full buffer blocks the sync.\n- Stop returns once the goroutine has left.", "<!-- TODO\n-->", "the section Gotchas is empty"},
	} {
		t.Run(tc.with, func(t *testing.T) {
			t.Parallel()
			if strings.Count(good, tc.line) < 1 {
				t.Fatalf("the sample has no %q", tc.line)
			}
			src := []byte(strings.Replace(good, tc.line, tc.with, 1))
			got := problems(Parse("x.md", src))
			if tc.want == "" && got != "" || !strings.HasSuffix(got, tc.want) || strings.Count(got, "\n") != strings.Count(tc.want, "\n") {
				t.Errorf("got %s\nwant %s", cmp.Or(got, "nothing"), cmp.Or(tc.want, "nothing"))
			}
		})
	}
}

func TestParse_Suggestions(t *testing.T) {
	t.Parallel()
	src := "---\nkind: functoin\nnmae: x\nTags: []\nuses-types: []\nzzz: 1\n---\n"
	want := map[string]string{"kind": "function", "nmae": "name", "Tags": "tags", "uses-types": "uses_types", "zzz": ""}
	for _, p := range Parse("x.md", []byte(src)).Problems {
		if s, ok := want[p.Key]; ok && p.Rule != RuleMissing && p.Suggestion != s {
			t.Errorf("%s: suggestion %q, want %q", p.Message, p.Suggestion, s)
		}
	}
}

func TestSuggest(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct{ word, want string }{
		{"output", "output"}, {"ouptut", "output"}, {"outptu", "output"}, {"retruns", "returns"}, {"o", ""}, {"", ""}, {"outrageous", ""}, {strings.Repeat("x", 99), ""},
	} {
		if got := Suggest(tc.word, []string{"name", "output", "returns"}); got != tc.want {
			t.Errorf("Suggest(%q) = %q, want %q", tc.word, got, tc.want)
		}
	}
}

const app = `---
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
forbidden_imports: [modernc.org/sqlite]
run: chat_bot -addr 127.0.0.1:0
---
`

func TestParse_App(t *testing.T) {
	t.Parallel()
	d := Parse("x.md", []byte(app))
	if got := problems(d); got != "" {
		t.Error(got)
	}
	if d.Spec.BinaryMBMax != 8.7 || d.Spec.ForbiddenImports[0] != "modernc.org/sqlite" || d.Spec.Run == "" {
		t.Errorf("%+v", d.Spec)
	}
	for _, tc := range []struct{ line, with, want string }{
		{"binary_mb_max: 8.7", "binary_mb_max: 0", "11:16 schema-type: binary_mb_max must be a decimal number above 0, not 0"},
		{"binary_mb_max: 8.7", "binary_mb_max: .inf", "11:16 schema-type: binary_mb_max must be a decimal number above 0, not .inf"},
		{"binary_mb_max: 8.7", "binary_mb_max: 0x1F", "11:16 schema-type: binary_mb_max must be a decimal number above 0, not 0x1F"},
		{"binary_mb_max: 8.7", "binary_mb_max: 8 MB", `11:16 schema-type: binary_mb_max must be a number, not the text "8 MB"`},
		{"binary_mb_max: 8.7", "binary_mb_max: 9", ""},
		{"forbidden_imports: [modernc.org/sqlite]\n", "", ""},
		{"tags: []", "tags: []\npurity: pure", "9:1 schema-unknown: a spec of kind app has no purity"},
	} {
		if got := problems(Parse("x.md", []byte(strings.Replace(app, tc.line, tc.with, 1)))); got != tc.want {
			t.Errorf("%s: got %s, want %s", tc.with, got, tc.want)
		}
	}
}

// TestKeys checks what the code relies on: each key has a field of its type,
// and the required texts.
func TestKeys(t *testing.T) {
	t.Parallel()
	fields := map[Type]string{
		TypeString: "*string",
		TypeBool:   "*bool",
		TypeNumber: "*float64",
		TypeList:   "*[]string",
		TypeParams: "*[]spec.Param",
	}
	for _, k := range Keys() {
		var s Spec
		if got := fmt.Sprintf("%T", s.field(k.Name)); got != fields[k.Type] {
			t.Errorf("%s: field %s, want %s", k.Name, got, fields[k.Type])
		}
		if k.Description == "" || len(k.Required)+len(k.Optional) == 0 {
			t.Errorf("%s: incomplete: %+v", k.Name, k)
		}
		if (k.Pattern == "") != (k.Rule == "") || (k.Pattern == "") != (k.PatternHint == "") {
			t.Errorf("%s: a pattern has a rule and a hint", k.Name)
		}
		// Constructs that RE2 and ECMA 262 read differently, or only one of
		// them at all.
		if regexp.MustCompile(`\\[pPAzQE]|\(\?|\[\[:`).MatchString(k.Pattern) {
			t.Errorf("%s: pattern %s", k.Name, k.Pattern)
		}
	}
}
