package config

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestLoad(t *testing.T) {
	dir := t.TempDir()
	c, err := Load(dir)
	if err != nil || c.Version != 0 || c.InUnits("functions") {
		t.Fatalf("without a file: %+v, %v", c, err)
	}
	text := "version: 1\nunits: [functions/]\ndomains: [core]\nimport_rules:\n  - from: [functions/...]\n    deny: [cmd/...]\n"
	if err := os.WriteFile(filepath.Join(dir, FileName), []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	c, err = Load(dir)
	if err != nil {
		t.Fatal(err)
	}
	if !c.InUnits("functions") || !c.InUnits("functions/core") || c.InUnits("functions2") || c.InUnits("cmd/functions") {
		t.Errorf("units: %+v", c)
	}
}

func TestParse_Refuses(t *testing.T) {
	for text, want := range map[string]string{
		"version: 2":                                                                                  "version is 2",
		"version: 1\nunit: [a]":                                                                       "field unit not found",
		"version: 1\nunits: [../x]":                                                                   "not inside",
		"version: 1\nunits: functions":                                                                "cannot unmarshal",
		"version: 1\nimport_rules: [{from: [a]}]":                                                     "exactly one",
		"version: 1\nimport_rules: [{allow: [a]}]":                                                    "need from",
		"version: 1\nimport_rules: [{from: [a], apart: [b, c]}]":                                      "apart takes none",
		"version: 1\ndrivers: [{folder: a}]":                                                          "needs a folder",
		"version: 1\ndrivers: [{folder: ../a, imports: [x.org/d]}]":                                   "needs a folder",
		"version: 1\ndrivers: [{folder: ., imports: [x.org/d]}]":                                      "needs a folder",
		"version: 1\ndrivers: [{folder: a, imports: [std]}]":                                          "is not an import path",
		"version: 1\ndrivers: [{folder: a, imports: [x.org/d/]}]":                                     "is not an import path",
		"version: 1\ndrivers: [{folder: a, imports: [x.org/d]}, {folder: b, imports: [x.org/d/...]}]": "is listed twice",
		"": "version is 0",
	} {
		if _, err := Parse([]byte(text)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: got %v, want %q", text, err, want)
		}
	}
}

func TestMatch(t *testing.T) {
	for _, tc := range []struct {
		pattern, path, dir string
		std, want          bool
	}{
		{"std", "os", "", true, true},
		{"std", "example.org/x", "", false, false},
		{"third-party", "example.org/x", "", false, true},
		{"third-party", "fnregistry.dev/functions/core", "functions/core", false, false},
		{"functions/core", "fnregistry.dev/functions/core", "functions/core", false, true},
		{"functions/core", "fnregistry.dev/functions/core/x", "functions/core/x", false, false},
		{"functions/...", "fnregistry.dev/functions/core", "functions/core", false, true},
		{"functions/...", "fnregistry.dev/functions2", "functions2", false, false},
		{"example.org/x/...", "example.org/x/y", "", false, true},
	} {
		if got := Match(tc.pattern, tc.path, tc.dir, tc.std); got != tc.want {
			t.Errorf("%s on %s: %v", tc.pattern, tc.path, got)
		}
	}
}

func TestForbidden(t *testing.T) {
	c, err := Parse([]byte("version: 1\ndrivers:\n  - folder: lib/sql/...\n    imports: [example.org/sql/...]\n  - {folder: lib/duck/, imports: [example.org/duck]}\n"))
	if err != nil {
		t.Fatal(err)
	}
	for dir, want := range map[string]string{
		"lib": "example.org/sql example.org/duck", "lib/sql": "example.org/duck", "lib/sql/inner": "example.org/duck",
		"lib/sql2": "example.org/sql example.org/duck", "lib/duck": "example.org/sql",
	} {
		var got []string
		for _, d := range c.Forbidden(dir) {
			got = append(got, d.Imports...)
		}
		if strings.Join(got, " ") != want {
			t.Errorf("%s: %v, want %s", dir, got, want)
		}
	}
}
