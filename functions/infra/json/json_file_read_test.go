package json_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"fnregistry.dev/functions/core"
	fnjson "fnregistry.dev/functions/infra/json"
)

func TestJSONFileRead_Files(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	write := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	for name, c := range map[string]struct {
		path string
		code core.Code
		want string
	}{
		"good":      {write("good.json", `{"name":"x"}`), "", ""},
		"missing":   {filepath.Join(dir, "missing.json"), core.CodeNotFound, "no such file"},
		"a folder":  {dir, core.CodeInvalid, "it is not a regular file"},
		"empty":     {write("empty.json", ""), core.CodeInvalid, "the file is empty"},
		"unknown":   {write("unknown.json", "{\"nmae\":1}"), core.CodeInvalid, `unknown field "nmae"`},
		"syntax":    {write("syntax.json", "{\n  \"name\": x\n}"), core.CodeInvalid, "(line 2, column 11)"},
		"too large": {write("large.json", strings.Repeat(" ", 100)+`{}`), core.CodeTooLarge, "larger than 100 bytes"},
		"just fits": {write("fits.json", strings.Repeat(" ", 98)+`{}`), "", ""},
	} {
		got, err := fnjson.JSONFileRead[named](c.path, fnjson.JSONFileReadConfig{MaxBytes: 100})
		if core.ErrorCode(err) != c.code || err != nil && (!strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), c.path)) {
			t.Errorf("%s: %+v, %v", name, got, err)
		}
	}
	if got, err := fnjson.JSONFileRead[named](filepath.Join(dir, "good.json"), fnjson.JSONFileReadConfig{}); err != nil || got.Name != "x" {
		t.Errorf("%+v, %v", got, err)
	}
}
