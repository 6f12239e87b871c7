package size

import (
	"context"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"fnregistry.dev/fn_registry/catalog"
	"fnregistry.dev/fn_registry/size/ledger"
)

// Base is what units are added to.
type Base struct {
	Name   string        // "server", "empty", or a program's ID
	App    *catalog.Unit // the program; nil: one of the two below
	source string
}

// The bases that need no program. Server is what about any program has:
// net/http, log/slog and encoding/json.
var (
	Server = Base{Name: "server", source: serverSource}
	Empty  = Base{Name: "empty", source: emptySource}
)

// BaseApp is a program as a base: with it one learns what the program will
// weigh with further units.
func BaseApp(app *catalog.Unit) Base { return Base{Name: app.ID, App: app} }

// Figure is what units weigh together. Files are aligned to pages, so
// differences of a few kB mean nothing.
type Figure struct {
	Units []*catalog.Unit
	Added int64    // bytes that they add to the base's binary; for a program alone: its size
	Whole int64    // bytes of the binary of the base and the units
	Cgo   bool     // it links C code, and was built with cgo; the base was not
	Tags  []string // build tags that the units need
	Kept  bool     // it was measured before, with the same code
	Err   error    // why there are no figures
}

// Meter measures units by building programs with them. Nothing is written into
// the repository.
type Meter struct {
	Catalog *catalog.Catalog
	Ledger  ledger.Dir                          // where figures are stored; "": nowhere
	Told    func(done, total int, doing string) // called on progress, from several goroutines; nil disables it
	Slots   int                                 // programs built at the same time; zero: the number of CPUs, at most 4
}

// job is one program to build.
type job struct {
	*Figure
	base   Base
	at     place
	probe  string // the folder that the probe's file appears in
	parts  listing
	source string
}

// Report is what a Meter found.
type Report struct {
	Base    Figure   // without units; zero if only programs were measured
	Figures []Figure // in the order of the sets
	Go      string   // the version of Go that built them: "go1.26.8"
}

// Measure says of each set of units how much they add to the base together. A
// set of one program alone is that program as it is released. A set that can't
// be built has an Err; the others are still measured.
func (m *Meter) Measure(ctx context.Context, base Base, sets [][]*catalog.Unit) (*Report, error) {
	r := &run{Meter: m, base: base}
	tmp, err := os.MkdirTemp("", "fn_size")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(tmp)
	r.tmp = tmp
	if r.workspaces, err = findWorkspaces(ctx, m.Catalog); err != nil {
		return nil, err
	}
	version, err := goCommand(ctx, m.Catalog.Roots[0].Dir, nil, "env", "GOVERSION")
	if err != nil {
		return nil, err
	}
	r.version = strings.TrimSpace(string(version))
	report := &Report{Figures: make([]Figure, len(sets)), Go: r.version}
	needsBase := false
	for i, units := range sets {
		report.Figures[i] = Figure{Units: units}
		needsBase = needsBase || !alone(units)
		r.add(ctx, &report.Figures[i], base)
	}
	if needsBase && len(r.jobs) > 0 {
		if err := r.addBase(ctx, &report.Base); err != nil {
			return nil, err
		}
	}
	if err := r.all(ctx); err != nil {
		return nil, err
	}
	if report.Base.Err != nil {
		return nil, fmt.Errorf("the base can't be built: %w", report.Base.Err)
	}
	for i := range report.Figures {
		f := &report.Figures[i]
		f.Added = f.Whole
		if !alone(f.Units) {
			f.Added -= report.Base.Whole
		}
		m.keep(f, base)
	}
	return report, nil
}

// alone distinguishes a program that is measured by itself from units that are
// added to a base.
func alone(units []*catalog.Unit) bool { return len(units) == 1 && units[0].IsApp() }

// keep stores a unit's figure for programs that only read the ledger.
func (m *Meter) keep(f *Figure, base Base) {
	if f.Err == nil && len(f.Units) == 1 && base.Name == Server.Name {
		_ = m.Ledger.Put(ledger.UnitKey(m.Catalog, f.Units[0]), f.Added) // a cache: without it the next run builds again
	}
}

// run is one call of Measure.
type run struct {
	*Meter
	base       Base
	tmp        string
	version    string // of Go
	workspaces workspaces
	jobs       []*job

	mu   sync.Mutex
	done int
}

func (r *run) tell(doing string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.Told != nil {
		r.Told(r.done, len(r.jobs), doing)
	}
}

// add plans the program for a figure; errors so far go into its Err.
func (r *run) add(ctx context.Context, f *Figure, base Base) {
	j := &job{Figure: f, base: base}
	if alone(f.Units) {
		j.base = BaseApp(f.Units[0])
	}
	f.Err = r.plan(ctx, j)
	if f.Err == nil {
		r.jobs = append(r.jobs, j)
	}
}

// addBase plans the base without units, in the place of the first program.
func (r *run) addBase(ctx context.Context, f *Figure) error {
	j := &job{Figure: f, base: r.base}
	if r.base.App != nil {
		if err := r.plan(ctx, j); err != nil {
			return err
		}
	} else {
		j.at = place{dir: r.jobs[0].at.dir, gowork: r.jobs[0].at.gowork}
		j.probe = filepath.Join(j.at.dir, probeFolder)
	}
	r.jobs = append(r.jobs, j)
	return nil
}

// probeFolder exists only for the go command, through an overlay.
const probeFolder = "zz_fn_size"

// plan determines where a program is built.
func (r *run) plan(ctx context.Context, j *job) error {
	added := j.added()
	for _, u := range added {
		switch {
		case u.IsApp():
			return fmt.Errorf("%s is a program, which can't be added to another; take it as the base", u.ID)
		case u.Code == nil:
			return fmt.Errorf("no code was found for %s", u.ID)
		case u.Dir.Package == "main":
			return fmt.Errorf("%s is in a program's own package, which can't be imported", u.ID)
		}
	}
	dirs := dirsOf(added)
	if j.base.App != nil {
		dirs = append([]*catalog.Dir{j.base.App.Dir}, dirs...)
	}
	var err error
	if j.at, err = r.placeOf(ctx, dirs); err != nil {
		return err
	}
	j.probe = filepath.Join(j.at.dir, probeFolder)
	for _, u := range added {
		if slices.Contains(strings.Split(u.Dir.ImportPath, "/"), "internal") {
			j.probe = filepath.Join(r.Catalog.Path(u.Dir, u.Dir.Path), probeFolder)
		}
	}
	var tags []string
	if app := j.base.App; app != nil {
		j.probe = r.Catalog.Path(app.Dir, app.Dir.Path)
		j.at.flags, tags = splitTags(app.Spec.BuildFlags)
	}
	j.Tags = strings.FieldsFunc(tagList(added...), func(c rune) bool { return c == ',' })
	tags = append(tags, j.Tags...)
	slices.Sort(tags)
	j.at.tags = strings.Join(slices.Compact(tags), ",")
	return nil
}

// added returns the units that are added to the base.
func (j *job) added() []*catalog.Unit {
	if alone(j.Units) {
		return nil
	}
	return j.Units
}

func dirsOf(units []*catalog.Unit) []*catalog.Dir {
	var dirs []*catalog.Dir
	for _, u := range units {
		dirs = append(dirs, u.Dir)
	}
	return dirs
}

// splitTags extracts -tags from a program's build flags.
func splitTags(flags []string) (rest string, tags []string) {
	var others []string
	for _, f := range flags {
		if list, ok := strings.CutPrefix(f, "-tags="); ok {
			tags = append(tags, strings.Split(list, ",")...)
		} else {
			others = append(others, f)
		}
	}
	return strings.Join(others, " "), tags
}

// placeOf returns where a program of several packages is built: in the first
// one's module, in the repository's workspace or, if that does not include all
// of them, in one of their modules alone.
func (r *run) placeOf(ctx context.Context, dirs []*catalog.Dir) (place, error) {
	var at place
	modules := map[string]bool{}
	together := true
	for i, d := range dirs {
		p, err := r.workspaces.of(r.Catalog, d)
		if err != nil {
			return at, err
		}
		if i == 0 {
			at = p
		}
		modules[p.dir] = true
		together = together && p.gowork == "" && d.Root == dirs[0].Root
	}
	if len(modules) == 1 || together {
		return at, nil
	}
	all := slices.Sorted(maps.Keys(modules))
	dir := filepath.Join(r.tmp, ledger.Key(all...))
	if err := os.Mkdir(dir, 0o755); err == nil { // otherwise an earlier set created it
		if _, err := goCommand(ctx, dir, append(os.Environ(), "GOWORK="), append([]string{"work", "init"}, all...)...); err != nil {
			return at, err
		}
	}
	at.gowork = filepath.Join(dir, "go.work")
	return at, nil
}
