package scaffold

import (
	"cmp"
	"fmt"
	"path"
	"slices"
	"strings"

	"fnregistry.dev/fn_registry/spec"
)

// budgetMB is the size that a new program may have where the draft does not
// say: a server with net/http, JSON and one light unit or two is 6 to 9 MB
// (docs: what things weigh). It is set again once the program is measured.
const budgetMB = 10

// app plans a program: a folder with its code, tests and spec. In a repository
// that has a floor for programs it is a server on it, else a main that is still
// to be written. It is a package of the module above it, if there is one and it
// requires the modules of all that it imports, else a module of its own.
func (m *maker) app() (*Plan, error) {
	dir := path.Join("apps", m.draft.Name)
	if m.draft.Package != "" {
		named, err := m.namedFolder(m.draft.Package)
		if err != nil {
			return nil, err
		}
		dir = named
	}
	if m.draft.Domain == "" {
		m.draft.Domain = m.appDomain()
	}
	if m.hasGo(dir) {
		return nil, exists("there is a Go package in "+dir, "choose another name or folder")
	}
	on := m.floor()
	if on == nil && len(m.uses) == 0 {
		return nil, wrong("an app is composed of units, and none is named", "name their IDs in uses (fn new --uses ID,ID)")
	}
	to := place{dir: dir, pkg: "main", importPath: m.root.ImportPath(dir), fresh: true}
	plan := &Plan{ID: m.unitID(), Folder: dir}
	mod, err := m.appModule(plan, &to, m.appModules(on))
	if err != nil {
		return nil, err
	}
	if on != nil {
		err = m.floorCode(on, plan, to, mod)
	} else {
		err = m.plainCode(plan, to, mod)
	}
	if err != nil {
		return nil, err
	}
	var names []string
	for _, f := range plan.Files {
		if !f.edit {
			names = append(names, f.Path)
		}
	}
	return plan, m.checkFree(names...)
}

// appDomain is "apps" where the settings list it, else the first unit's.
func (m *maker) appDomain() string {
	if slices.Contains(m.root.Config.Domains, "apps") || len(m.uses) == 0 {
		return "apps"
	}
	return m.c.Unit(m.draft.Uses[0]).Spec.Domain
}

// plainCode plans a program in a repository that has no floor: what is certain
// to be in it.
func (m *maker) plainCode(plan *Plan, to place, mod *modFile) error {
	refs, err := m.references(to)
	if err != nil {
		return err
	}
	imports := importSet{}
	for p := range strings.FieldsSeq("errors fmt os") {
		imports[p] = p
	}
	uses := refs.text(imports)
	main, err := goFile(fmt.Sprintf(mainText, m.draft.Name, m.appSentence(), imports.text(m.packageNames()), uses))
	if err != nil {
		return err
	}
	test, err := goFile(mainTestText)
	if err != nil {
		return err
	}
	s := m.appSpec(to, mod)
	plan.Files = append([]File{{Path: to.at("main.go"), Text: main}, {Path: to.at("main_test.go"), Text: test},
		{Path: to.at(m.draft.Name + ".md"), Text: string(spec.Format(s, m.appBody()))}}, plan.Files...)
	plan.Notes = append(plan.Notes, "write run in "+to.at("main.go")+"; until then the program says that it is not written, and the test holds it to that",
		"set binary_mb_max in "+to.at(m.draft.Name+".md")+" when the program is measured; take out the tag "+spec.TagStub)
	return nil
}

const mainText = `%[2]spackage main

%[3]s
// The units that the program is composed of. A line goes when run calls its unit.
%[4]s
func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "%[1]s:", err)
		os.Exit(1)
	}
}

// run is the program without its process. args are what stands behind its name;
// the error is for the caller to print.
func run(args []string) error {
	return fmt.Errorf("not written yet, whatever the arguments (%%q): %%w", args, errors.ErrUnsupported)
}
`

const mainTestText = `package main

import (
	"errors"
	"testing"
)

func TestRun_NotWritten(t *testing.T) {
	t.Parallel()
	if err := run(nil); !errors.Is(err, errors.ErrUnsupported) {
		t.Errorf("got %v; run is written by now: replace this test with real ones", err)
	}
}
`

// appSentence is the package comment.
func (m *maker) appSentence() string {
	if m.draft.Description == "" {
		return comment("Command " + m.draft.Name + " is not written yet: it says so and ends.")
	}
	return comment(sentence("Command "+m.draft.Name, oneLine(m.draft.Description))) + "//\n" + comment("It is not written yet: it says so and ends.")
}

func (m *maker) appSpec(to place, mod *modFile) *spec.Spec {
	s := &spec.Spec{
		Name: m.draft.Name, Kind: spec.KindApp, Lang: spec.LangGo, Domain: m.draft.Domain, Version: "0.1.0",
		Description: cmp.Or(oneLine(m.draft.Description), "Not written yet: a program that says so and ends."),
		Tags:        append(slices.Clone(m.draft.Tags), spec.TagStub), FilePath: to.at("main.go"), BinaryMBMax: cmp.Or(m.draft.BinaryMBMax, budgetMB),
		Run: "go -C " + to.dir + " run .", ForbiddenImports: m.notNeeded(mod),
	}
	for _, u := range m.uses {
		if u.Spec.Kind != spec.KindType {
			s.UsesFunctions = append(s.UsesFunctions, u.ID)
		}
	}
	return s
}

func (m *maker) appBody() string {
	return "# " + m.draft.Name + "\n\nNot written yet: the program names its units and ends with an error.\n"
}
