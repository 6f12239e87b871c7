package scaffold

import (
	"slices"
	"strings"
	"testing"

	"fnregistry.dev/fn_registry/spec"
)

// A program of this repository stands on the floor. That it works is what
// tools/dev/pagestest is about; this is what differs between programs.
func TestNew_Floor(t *testing.T) {
	t.Parallel()
	c := load(t, "../..")
	const usual = "apps/job_list/go.mod apps/job_list/go.sum apps/job_list/handler.go apps/job_list/job_list.md apps/job_list/main.go " +
		"apps/job_list/main_test.go apps/job_list/pages.go apps/job_list/testdata/script/job_list.txtar docs/job_list.md go.work"
	for _, test := range []struct {
		draft Draft
		files string
		has   map[string]string // a file's text
		tags  string
	}{
		{Draft{Name: "job_list"}, usual, map[string]string{
			"main.go":      `Name: "job_list", Doc: "serves a page and an API that say that it runs, and nothing else yet"`,
			"main_test.go": `"JOB_LIST_TOKEN": ""`, "docs.md": "go run ./apps/job_list",
		}, "http server"},
		{
			Draft{Name: "job_list", Description: "HTTP server of jobs.", Uses: []string{"retry_do_go_infra"}, Tags: []string{"jobs"}},
			strings.Replace(usual, "script/job_list.txtar", "script/job_list.txtar apps/job_list/units.go", 1),
			map[string]string{"main.go": `Doc: "HTTP server of jobs"`, "units.go": "_ = work.RetryDo\n", "job_list.md": "retry_do_go_infra, service_run_go_infra"}, "jobs stub",
		},
		{
			Draft{Name: "job_list", Package: "cmd/deep/jobs"}, strings.ReplaceAll(usual, "apps/job_list/", "cmd/deep/jobs/"),
			map[string]string{"main_test.go": `"../../../docs/job_list.md"`, "job_list.md": "(../../../docs/job_list.md)"}, "http server",
		},
	} {
		test.draft.Kind = spec.KindApp
		plan, err := New(c, test.draft)
		if err != nil {
			t.Fatal(err)
		}
		var files []string
		for _, f := range plan.Files {
			files = append(files, f.Path)
			name := f.Path[strings.LastIndexByte(f.Path, '/')+1:]
			if f.Path == "docs/job_list.md" {
				name = "docs.md"
			}
			if want := test.has[name]; !strings.Contains(f.Text, want) {
				t.Errorf("%s lacks %s\n%s", f.Path, want, f.Text)
			}
			if name == "job_list.md" {
				s := spec.Parse(f.Path, []byte(f.Text)).Spec
				if slices.Sort(s.Tags); strings.Join(s.Tags, " ") != test.tags {
					t.Errorf("tags %q", s.Tags)
				}
			}
		}
		if slices.Sort(files); strings.Join(files, " ") != test.files {
			t.Errorf("got  %s\nwant %s", strings.Join(files, " "), test.files)
		}
	}
	if plan, err := New(c, Draft{Name: "matrix_tail_too", Package: "apps/matrix_tail", Kind: spec.KindApp}); err == nil {
		t.Errorf("a program over another: %v", plan.Files)
	}
}
