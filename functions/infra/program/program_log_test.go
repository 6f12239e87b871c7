package program_test

import (
	"strings"
	"testing"
)

func TestProgramLog_FormatAndLevel(t *testing.T) {
	t.Parallel()
	env := map[string]string{"SHOP_TOKEN": "hunter2"}
	for args, want := range map[string]string{
		"list":                   `level=INFO msg=listed token=[secret]`,
		"list --log-format json": `"level":"INFO","msg":"listed","token":"[secret]"}`,
		"list --log-level debug --log-format=json": `"level":"DEBUG","msg":"listing"}`,
		"list --quiet":           "",
		"list --log-level error": "",
	} {
		got := start(t.Context(), shop(), env, strings.Fields(args)...)
		if got.code != 0 || !strings.Contains(got.stderr, want) || want == "" && got.stderr != "" || strings.Contains(got.stderr, "hunter2") {
			t.Errorf("%s: %+v", args, got)
		}
	}
}
