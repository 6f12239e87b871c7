package scaffold

import (
	"embed"
	"path"
	"slices"
	"strconv"
	"strings"

	"fnregistry.dev/fn_registry/catalog"
	"fnregistry.dev/fn_registry/spec"
)

// floorFiles are the files of a program that stands on the floor, with words in
// capitals for what differs: see [floor.fill].
//
//go:embed floor
var floorFiles embed.FS

// floor is what programs of this repository share: settings, life cycle, API
// and pages as units, and the kits of their tests.
type floor struct {
	functions string // import path of the units' folder
	testkit   string // import path of the kits' folder
	dirs      []*catalog.Dir
}

// floorUnits are the units that a program on the floor uses. A repository
// without one of them has no floor.
var floorUnits = []string{
	"http_api_go_infra", "http_api_health_go_infra", "http_api_json_go_infra", "http_health_go_infra", "http_login_go_infra", "http_metrics_go_infra", "http_mux_go_infra",
	"http_problem_go_infra", "http_server_go_infra", "http_stack_go_infra", "metrics_text_go_infra", "page_assets_go_infra", "page_facts_go_infra", "page_form_go_infra",
	"page_html_go_infra", "page_render_go_infra", "page_shell_go_infra", "program_command_go_infra", "program_main_go_infra", "service_run_go_infra",
}

// floorKits are what its tests import besides, from the root.
var floorKits = []string{
	"functions/infra/http/httpapi/httpapitest", "functions/infra/program/programtest", "tools/testenv/testkit/browser", "tools/testenv/testkit/scripttest",
}

// floor finds what the draft's program stands on; nil: the repository has none,
// or not all of it.
func (m *maker) floor() *floor {
	f := &floor{}
	for _, id := range floorUnits {
		u := m.c.Unit(id)
		if u == nil || u.Dir.Root != 0 {
			return nil
		}
		f.dirs = append(f.dirs, u.Dir)
	}
	for _, folder := range floorKits {
		dir := m.dirs[folder]
		if dir == nil || dir.ImportPath == "" {
			return nil
		}
		f.dirs = append(f.dirs, dir)
	}
	var known bool
	if f.functions, known = strings.CutSuffix(m.c.Unit("program_main_go_infra").Dir.ImportPath, "/infra/program"); !known {
		return nil
	}
	f.testkit = path.Dir(m.dirs["tools/testenv/testkit/browser"].ImportPath)
	return f
}

// floorCode plans the files of a program on the floor: main, handler and tests,
// the units that the draft names, the spec and the page of documentation.
func (m *maker) floorCode(f *floor, plan *Plan, to place, mod *modFile) error {
	name := m.draft.Name
	files := []File{
		{Path: to.at("main.go"), Text: "main.go"}, {Path: to.at("handler.go"), Text: "handler.go"}, {Path: to.at("pages.go"), Text: "pages.go"},
		{Path: to.at("main_test.go"), Text: "main_test.go"},
		{Path: to.at("testdata/script/" + name + ".txtar"), Text: "script.txtar"}, {Path: docsFile(name), Text: "docs.md"},
	}
	for i := range files {
		var err error
		if files[i].Text, err = m.floorFile(f, files[i].Text, to); err != nil {
			return err
		}
	}
	if len(m.uses) > 0 {
		text, err := m.unitsFile(to)
		if err != nil {
			return err
		}
		files = append(files, File{Path: to.at("units.go"), Text: text})
		plan.Notes = append(plan.Notes, "call the units in "+to.at("units.go")+", then remove that file and the tag "+spec.TagStub)
	}
	files = append(files, File{Path: to.at(name + ".md"), Text: string(spec.Format(m.floorSpec(to, mod), m.floorBody(to)))})
	plan.Files = append(files, plan.Files...)
	plan.Notes = append(plan.Notes,
		"add settings and services in "+to.at("main.go")+", endpoints in "+to.at("handler.go")+", pages in "+to.at("pages.go"),
		"set binary_mb_max in "+to.at(name+".md")+" when the program is measured: make sizes")
	return nil
}

func docsFile(name string) string { return "docs/" + name + ".md" }

// floorFile fills in one of the files of the floor.
func (m *maker) floorFile(f *floor, file string, to place) (string, error) {
	text, err := floorFiles.ReadFile("floor/" + file + ".txt")
	if err != nil {
		return "", err
	}
	description := m.floorDescription()
	filled := strings.NewReplacer(
		"FUNCTIONS", f.functions, "TESTKIT", f.testkit,
		"APPNAME", m.draft.Name, "APPENV", strings.ToUpper(m.draft.Name), "APPDIR", to.dir,
		"APPDOC", strconv.Quote(strings.TrimSuffix(lowerFirst(description), ".")), "APPSENTENCE", description,
		"COMMENT", comment(sentence("Command "+m.draft.Name, description)),
		"DOCSFILE", relative(to.dir, docsFile(m.draft.Name)),
	).Replace(string(text))
	if !strings.HasSuffix(file, ".go") {
		return filled, nil
	}
	return goFile(filled)
}

func (m *maker) floorDescription() string {
	if m.draft.Description == "" {
		return "Serves a page and an API that say that it runs, and nothing else yet."
	}
	return oneLine(m.draft.Description)
}

// lowerFirst writes the first word in lower case, unless it is an abbreviation.
func lowerFirst(text string) string {
	if len(text) < 2 || strings.ToLower(text[1:2]) != text[1:2] {
		return text
	}
	return strings.ToLower(text[:1]) + text[1:]
}

// unitsFile names the units of the draft, so that the program imports their
// packages before anything calls them.
func (m *maker) unitsFile(to place) (string, error) {
	refs, err := m.references(to)
	if err != nil {
		return "", err
	}
	imports := importSet{}
	uses := refs.text(imports)
	return goFile("package main\n\n" + imports.text(m.packageNames()) +
		"\n// The units that the program is composed of. A line goes when something calls its\n// unit.\n" + uses)
}

func (m *maker) floorSpec(to place, mod *modFile) *spec.Spec {
	s := m.appSpec(to, mod)
	s.Description, s.Run = m.floorDescription(), "go run ./"+to.dir
	if len(m.uses) == 0 {
		s.Tags = append(slices.Clone(m.draft.Tags), "server", "http")
	}
	s.UsesFunctions = append(s.UsesFunctions, floorUnits...)
	slices.Sort(s.UsesFunctions)
	s.UsesFunctions = slices.Compact(s.UsesFunctions)
	return s
}

func (m *maker) floorBody(to place) string {
	return "# " + m.draft.Name + "\n\n" + m.floorDescription() + " [Its page](" + relative(to.dir, docsFile(m.draft.Name)) +
		") has the settings and addresses.\n"
}
