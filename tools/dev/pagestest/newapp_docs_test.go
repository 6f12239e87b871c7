package pagestest

import (
	"os"
	"strings"
	"testing"

	"fnregistry.dev/functions/infra/http/httpsettings"
	"fnregistry.dev/functions/infra/program"
)

// TestNewAppDocs compares the table of settings on the page that fn new writes
// with the current settings. TestNewApp would find the same difference, but
// only after minutes: nobody runs it after changing a setting's doc tag.
func TestNewAppDocs(t *testing.T) {
	t.Parallel()
	about, err := program.ProgramDescribe("pinger", &struct {
		httpsettings.HTTPSettings
		program.ProgramLog
	}{HTTPSettings: httpsettings.HTTPSettings{Addr: "127.0.0.1:8080"}})
	if err != nil {
		t.Fatal(err)
	}
	const file = "../../../fn_registry/scaffold/floor/docs.md.txt"
	page, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(strings.ReplaceAll(string(page), "APPENV", "PINGER"), about.Markdown()) {
		t.Errorf("%s lacks this table, with APPENV for PINGER:\n%s", file, about.Markdown())
	}
}
