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

// app plans a program: a folder with main.go, its test and spec. It is a
// package of the module above it, if there is one and it requires the modules
// of all its units, else a module of its own.
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
	to := place{dir: dir, pkg: "main", importPath: m.root.ImportPath(dir), fresh: true}
	plan := &Plan{ID: m.unitID(), Folder: dir}
	mod, err := m.appModule(plan, &to)
	if err != nil {
		return nil, err
	}
	if err := m.appCode(plan, to, mod); err != nil {
		return nil, err
	}
	var names []string
	for _, f := range plan.Files {
		if !f.edit {
			names = append(names, f.Path)
		}
	}
	plan.Notes = append(plan.Notes, "write Run in "+to.at("main.go")+"; until then the program says that it is not written, and the test holds it to that",
		"set binary_mb_max in "+to.at(m.draft.Name+".md")+" when the program is measured; take out the tag "+spec.TagStub)
	return plan, m.checkFree(names...)
}

// appDomain is "apps" where the settings list it, else the first unit's.
func (m *maker) appDomain() string {
	if slices.Contains(m.root.Config.Domains, "apps") {
		return "apps"
	}
	return m.c.Unit(m.draft.Uses[0]).Spec.Domain
}

func (m *maker) appCode(plan *Plan, to place, mod *modFile) error {
	refs, err := m.references(to)
	if err != nil {
		return err
	}
	imports := importSet{}
	for p := range strings.FieldsSeq("context errors flag fmt io os os/signal syscall") {
		imports[p] = path.Base(p)
	}
	uses := refs.text(imports)
	names := m.packageNames()
	main, err := goFile(fmt.Sprintf(mainText, m.draft.Name, m.appSentence(), imports.text(names), uses))
	if err != nil {
		return err
	}
	test, err := goFile(fmt.Sprintf(mainTestText, m.draft.Name))
	if err != nil {
		return err
	}
	s := m.appSpec(to, mod)
	plan.Files = append([]File{{Path: to.at("main.go"), Text: main}, {Path: to.at("main_test.go"), Text: test},
		{Path: to.at(m.draft.Name + ".md"), Text: string(spec.Format(s, m.appBody()))}}, plan.Files...)
	return nil
}

const mainText = `%[2]spackage main

%[3]s
// The units that the program is composed of. A line goes when Run calls its unit.
%[4]s
func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := Run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "%[1]s:", err)
		os.Exit(1)
	}
}

// Run is the program without its process. args are what stands behind its name; the error is for the caller to print.
func Run(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	flags := flag.NewFlagSet("%[1]s", flag.ContinueOnError)
	flags.SetOutput(io.Discard) // what is wrong is returned
	err := flags.Parse(args)
	if errors.Is(err, flag.ErrHelp) {
		flags.SetOutput(stdout)
		flags.Usage()
		return nil
	}
	if err != nil {
		return err
	}
	if flags.NArg() > 0 {
		return fmt.Errorf("unexpected argument %%q", flags.Arg(0))
	}
	return fmt.Errorf("not written yet: %%w", errors.ErrUnsupported)
}
`

const mainTestText = `package main

import (
	"errors"
	"io"
	"strings"
	"testing"
)

func TestRun_Help(t *testing.T) {
	t.Parallel()
	var out strings.Builder
	if err := Run(t.Context(), []string{"-h"}, &out, io.Discard); err != nil || !strings.Contains(out.String(), "%[1]s") {
		t.Errorf("got %%q, %%v", out.String(), err)
	}
}

func TestRun_WrongUse(t *testing.T) {
	t.Parallel()
	for _, args := range [][]string{{"-no-such-flag"}, {"no-such-argument"}} {
		if err := Run(t.Context(), args, io.Discard, io.Discard); err == nil || !strings.Contains(err.Error(), "no-such") {
			t.Errorf("%%v: %%v", args, err)
		}
	}
}

func TestRun_NotWritten(t *testing.T) {
	t.Parallel()
	if err := Run(t.Context(), nil, io.Discard, io.Discard); !errors.Is(err, errors.ErrUnsupported) {
		t.Errorf("got %%v; Run is written by now: replace this test with real ones", err)
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
