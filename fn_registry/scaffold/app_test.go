package scaffold

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"fnregistry.dev/fn_registry/spec"
)

// oddNames is a module whose path has nothing of its folder's, with a unit in a
// package that is not called as its folder, and what the module needs.
const oddNames = `-- fn_registry.yaml --
version: 1
units: [lib]
-- lib/go.mod --
module example.org/units

go 1.26

require far.example/far v1.2.0
-- lib/go.sum --
far.example/far v1.2.0 h1:x=
-- lib/go-thing/thing.go --
package strange

func PickOne(n int) int { return n }
-- lib/go-thing/pick_one.md --
---
name: pick_one
kind: function
lang: go
domain: base
purity: pure
---
-- lib/plain/plain.go --
package plain

func PickTwo(n int) int { return n }
-- lib/plain/pick_two.md --
---
name: pick_two
kind: function
lang: go
domain: base
purity: pure
---
`

// TestNew_AppPlace: where a program goes, in which module, and with which
// files.
func TestNew_AppPlace(t *testing.T) {
	t.Parallel()
	uses := []string{"pick_one_go_base"}
	c := load(t, tree(t, t.TempDir(), oddNames+"-- apps/there/main.go --\npackage main\n"))
	work := load(t, tree(t, t.TempDir(), oddNames+"-- go.work --\ngo 1.26\n\nuse ./lib\n"))
	domains := load(t, tree(t, t.TempDir(), strings.Replace(oddNames, "units: [lib]", "units: [lib]\ndomains: [base, apps]", 1)))
	for name, test := range map[string]struct {
		draft      Draft
		want       string
		inWork     bool
		ownDomains bool
	}{
		"usual":             {Draft{Name: "tool", Uses: uses}, "tool_go_base in apps/tool, module example.org/units/apps/tool: go.mod go.sum main.go main_test.go tool.md", false, false},
		"domain of its own": {Draft{Name: "tool", Uses: uses}, "tool_go_apps in apps/tool, module example.org/units/apps/tool: go.mod go.sum main.go main_test.go tool.md", false, true},
		"named domain":      {Draft{Name: "tool", Uses: uses, Domain: "tools"}, "tool_go_tools in apps/tool, module example.org/units/apps/tool: go.mod go.sum main.go main_test.go tool.md", false, false},
		"named folder":      {Draft{Name: "tool", Uses: uses, Package: "cmd/x/"}, "tool_go_base in cmd/x, module example.org/units/cmd/x: go.mod go.sum main.go main_test.go tool.md", false, false},
		"in the module":     {Draft{Name: "tool", Uses: uses, Package: "lib/cmd"}, "tool_go_base in lib/cmd, no module: main.go main_test.go tool.md", false, false},
		"in a workspace":    {Draft{Name: "tool", Uses: uses}, "tool_go_base in apps/tool, module example.org/units/apps/tool: go.mod go.sum go.work main.go main_test.go tool.md", true, false},
		"outside":           {Draft{Name: "tool", Uses: uses, Package: "../x"}, `the folder "../x" is not inside the repository`, false, false},
		"taken":             {Draft{Name: "there", Uses: uses}, "there is a Go package in apps/there", false, false},
	} {
		from := c
		if test.inWork {
			from = work
		}
		if test.ownDomains {
			from = domains
		}
		test.draft.Kind = spec.KindApp
		plan, err := New(from, test.draft)
		got := ""
		var e *Error
		if errors.As(err, &e) {
			got = e.Message
		} else if err != nil {
			t.Fatal(name, err)
		} else {
			module, files := "no module", []string{}
			for _, f := range plan.Files {
				if strings.HasSuffix(f.Path, "/go.mod") {
					module, _, _ = strings.Cut(f.Text, "\n")
				}
				files = append(files, strings.TrimPrefix(f.Path, plan.Folder+"/"))
			}
			slices.Sort(files)
			got = plan.ID + " in " + plan.Folder + ", " + module + ": " + strings.Join(files, " ")
		}
		if got != test.want {
			t.Errorf("%s:\n got %s\nwant %s", name, got, test.want)
		}
	}
}

// TestNew_OddPackageName: what a composition uses is known also where a
// package's name is not its folder's.
func TestNew_OddPackageName(t *testing.T) {
	t.Parallel()
	c := load(t, tree(t, t.TempDir(), oddNames))
	plan, err := New(c, Draft{Name: "pick_both", Domain: "base", Kind: spec.KindPipeline, Package: "plain", Uses: []string{"pick_one_go_base", "pick_two_go_base"}})
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range plan.Files {
		if !strings.HasSuffix(f.Path, ".md") {
			continue
		}
		if s := spec.Parse(f.Path, []byte(f.Text)).Spec; !slices.Equal(s.UsesFunctions, []string{"pick_one_go_base", "pick_two_go_base"}) {
			t.Errorf("uses %q\n%s", s.UsesFunctions, f.Text)
		}
	}
}
