package main

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"fnregistry.dev/fn_registry/catalog"
	"fnregistry.dev/fn_registry/registry"
	"fnregistry.dev/fn_registry/size"
	"fnregistry.dev/fn_registry/size/ledger"
	"fnregistry.dev/functions/infra/program"
)

const sizeHelp = `Measure how many bytes units add to a binary, by building it with and without them: static, stripped, for linux/amd64, like releases.

  fn size sqlite_open                       added to a small server (net/http, log/slog, encoding/json)
  fn size sqlite_open cron_service          each, and both together: less than the sum, because they share code
  fn size sqlite_open --base registry_api   added to a program of this repository
  fn size sqlite_open --base empty          added to a program that does nothing
  fn size registry_api                      the size of a program
  fn size --all                             every unit and program; updates the figures for fn show and registry_api

The size includes everything that the unit links, and the exported methods of what it returns. A unit that links C code is built
with cgo and a C compiler. Binaries are aligned to pages, so differences of a few kB mean nothing. The repository is not modified;
results are cached by content, and measured again when anything that is linked has changed.

Exit code 2 if something could not be built.`

type sizeOptions struct {
	common
	All   bool   `yaml:"-" flag:"all" doc:"measure every unit and program"`
	Base  string `yaml:"-" flag:"base" doc:"what the units are added to: server, empty, or a program of the repository"`
	Cache string `yaml:"-" flag:"cache" doc:"cache folder for the figures, as in registry_api --cache (default: fn_registry in the user's cache folder)"`
}

func sizeCommand() *program.ProgramCommandHandle {
	return command(program.ProgramCommandConfig[*sizeOptions]{
		Name: "size", Args: "UNIT...", MaxArgs: -1, Doc: "measure what units add to a program's binary, by building it", Help: sizeHelp,
		Defaults: &sizeOptions{Base: size.Server.Name},
	}, measure, (*env).completeUnits)
}

func measure(ctx context.Context, e *env, o *sizeOptions, named []string) error {
	switch {
	case len(named) == 0 && !o.All:
		return &usageError{
			message: "fn size needs units: their IDs, names or Go symbols",
			hint:    "fn size --all measures all of them",
		}
	case len(named) > 0 && o.All:
		return &usageError{message: "fn size --all measures all units; it takes no names"}
	}
	return e.size(ctx, named, o)
}

func (e *env) size(ctx context.Context, named []string, o *sizeOptions) error {
	r, err := e.load(ctx)
	if err != nil {
		return err
	}
	defer r.Close()
	s, figures := r.State(), r.Sizes()
	if o.Cache != "" {
		figures = ledger.Of(o.Cache)
	}
	units, err := unitsNamed(s, named)
	if err != nil {
		return err
	}
	base, err := baseNamed(s, o.Base)
	if err != nil {
		return err
	}
	together := len(units) > 1
	if o.All {
		units = measurable(s.Catalog, base)
	}
	p := newProgress(e.err)
	meter := &size.Meter{Catalog: s.Catalog, Ledger: figures, Told: func(done, total int, doing string) {
		p.say(fmt.Sprintf("%s: %d of %d ", doing, done, total))
	}}
	w, err := weigh(ctx, meter, base, units, together)
	p.clear()
	if err != nil {
		return err
	}
	if o.All {
		figures.Trim(keepFigures)
	}
	if err := e.answer(w, func(out io.Writer) { writeWeights(out, w) }); err != nil {
		return err
	}
	return w.failed(e.err)
}

// keepFigures is how long figures of code that no longer exists are kept: the
// code may be restored.
const keepFigures = 90 * 24 * time.Hour

// unitsNamed resolves names of units, each unit once.
func unitsNamed(s *registry.State, named []string) ([]*catalog.Unit, error) {
	var units []*catalog.Unit
	for _, name := range named {
		id, err := s.Resolve(name)
		if err != nil {
			return nil, err
		}
		if u := s.Catalog.Unit(id); !slices.Contains(units, u) {
			units = append(units, u)
		}
	}
	if len(units) > 1 {
		if i := slices.IndexFunc(units, (*catalog.Unit).IsApp); i >= 0 {
			return nil, &usageError{
				message: units[i].ID + " is a program, which can't be added to another",
				hint:    "--base " + units[i].ID + " adds the units to it",
			}
		}
	}
	return units, nil
}

func baseNamed(s *registry.State, name string) (size.Base, error) {
	switch name {
	case "", size.Server.Name:
		return size.Server, nil
	case size.Empty.Name:
		return size.Empty, nil
	}
	id, err := s.Resolve(name)
	if err != nil {
		return size.Base{}, err
	}
	u := s.Catalog.Unit(id)
	if !u.IsApp() {
		return size.Base{}, &usageError{
			message: id + " is no program",
			hint:    "--base is server, empty, or a unit of kind app",
		}
	}
	return size.BaseApp(u), nil
}

// measurable lists the units that can be measured: one for each ID, with code
// that others can import; programs only if nothing is added to one.
func measurable(c *catalog.Catalog, base size.Base) []*catalog.Unit {
	var units []*catalog.Unit
	for _, u := range c.Units {
		if c.Unit(u.ID) != u || u.Dir.ImportPath == "" || u.IsApp() && base.App != nil {
			continue
		}
		if u.IsApp() || u.Code != nil && u.Dir.Package != "main" {
			units = append(units, u)
		}
	}
	return units
}

// weights is the output of fn size.
type weights struct {
	Base      string   `json:"base" jsonschema:"what the units were added to"`
	BaseBytes int64    `json:"base_bytes" jsonschema:"the base's binary without them, in bytes; 0 where only programs were measured"`
	MaxBytes  *int64   `json:"max_bytes" jsonschema:"the budget of the program that is the base; null: it has none"`
	Go        string   `json:"go" jsonschema:"the version of Go that built them"`
	Target    string   `json:"target" jsonschema:"the system that they were built for"`
	Units     []weight `json:"units" jsonschema:"each unit by itself"`
	Together  *weight  `json:"together" jsonschema:"all of them; null where there is only one"`
}

// weight is the size of units.
type weight struct {
	ID    string   `json:"id" jsonschema:"the unit; empty where it is of several"`
	Bytes *int64   `json:"bytes" jsonschema:"bytes that they add to the base's binary; of a program its size; null: see error"`
	Whole *int64   `json:"whole" jsonschema:"bytes of the binary with base and units"`
	Cgo   bool     `json:"cgo" jsonschema:"it links C code: it was built with cgo, and needs a C compiler"`
	Tags  []string `json:"build_tags" jsonschema:"build tags that it needs"`
	Error string   `json:"error" jsonschema:"why it could not be built"`
	app   bool
}

// weigh measures units, each by itself and optionally together.
func weigh(
	ctx context.Context,
	meter *size.Meter,
	base size.Base,
	units []*catalog.Unit,
	together bool,
) (*weights, error) {
	w := &weights{Base: base.Name, Target: "linux/amd64", Units: []weight{}}
	var sets [][]*catalog.Unit
	for _, u := range units {
		sets = append(sets, []*catalog.Unit{u})
	}
	if together {
		sets = append(sets, units)
	}
	report, err := meter.Measure(ctx, base, sets)
	if err != nil {
		return nil, err
	}
	w.BaseBytes, w.Go = report.Base.Whole, report.Go
	if base.App != nil && base.App.Spec.BinaryMBMax > 0 {
		most := int64(base.App.Spec.BinaryMBMax * 1e6)
		w.MaxBytes = &most
	}
	for _, f := range report.Figures {
		w.Units = append(w.Units, weightOf(f))
	}
	if together {
		w.Together = &w.Units[len(units)]
		w.Together.ID = ""
		w.Units = w.Units[:len(units)]
	}
	return w, nil
}

func weightOf(f size.Figure) weight {
	w := weight{ID: f.Units[0].ID, Cgo: f.Cgo, Tags: f.Tags, app: f.Units[0].IsApp()}
	if w.Tags == nil {
		w.Tags = []string{}
	}
	if f.Err != nil {
		w.Error = f.Err.Error()
	} else {
		w.Bytes, w.Whole = &f.Added, &f.Whole
	}
	return w
}

// failed reports what could not be built.
func (w *weights) failed(stderr io.Writer) error {
	failed := 0
	for _, it := range w.rows() {
		if it.Error != "" {
			failed++
			fmt.Fprintf(stderr, "fn: %s: %s\n", it.name(), it.Error)
		}
	}
	if failed == 0 {
		return nil
	}
	return fmt.Errorf("%d of %s could not be built", failed, plural(len(w.rows()), "program"))
}

func (w *weights) rows() []weight {
	if w.Together == nil {
		return w.Units
	}
	return append(slices.Clone(w.Units), *w.Together)
}

func (w *weight) name() string {
	if w.ID == "" {
		return "together"
	}
	return w.ID
}

// writeWeights prints a table, heaviest first if it is long.
func writeWeights(out io.Writer, w *weights) {
	rows := slices.Clone(w.Units)
	slices.SortStableFunc(rows, func(a, b weight) int { return cmp.Compare(value(b.Bytes), value(a.Bytes)) })
	if w.Together != nil {
		rows = append(rows, *w.Together)
	}
	width := 0
	for _, it := range rows {
		width = max(width, len(it.name()))
	}
	for _, it := range rows {
		fmt.Fprintf(out, "%-*s  %s\n", width, it.name(), it.text(w))
	}
	fmt.Fprintln(out)
	if w.BaseBytes > 0 {
		fmt.Fprintf(out, "added to %s, which weighs %s; ", baseText(w.Base), megabytes(w.BaseBytes))
	}
	fmt.Fprintf(out, "built by %s for %s\n", w.Go, w.Target)
}

func baseText(name string) string {
	switch name {
	case size.Server.Name:
		return "a small server (net/http, log/slog, encoding/json)"
	case size.Empty.Name:
		return "a program that does nothing"
	}
	return name
}

func (it *weight) text(w *weights) string {
	if it.Error != "" {
		return fmt.Sprintf("%9s", "not built")
	}
	if it.app {
		return fmt.Sprintf("%9s  (the program itself)", megabytes(*it.Bytes))
	}
	text := fmt.Sprintf("%9s", "+"+megabytes(*it.Bytes))
	var notes []string
	if it.ID == "" {
		notes = append(notes, megabytes(sum(w.Units)-*it.Bytes)+" less than the sum")
	}
	if it.ID == "" || len(w.Units) == 1 || w.MaxBytes != nil {
		notes = append(notes, megabytes(*it.Whole)+" in all")
	}
	if w.MaxBytes != nil {
		notes = append(notes, budget(*it.Whole, *w.MaxBytes))
	}
	if it.Cgo {
		notes = append(notes, "links C code: built with cgo")
	}
	if len(it.Tags) > 0 {
		notes = append(notes, "-tags="+strings.Join(it.Tags, ","))
	}
	if len(notes) > 0 {
		text += "  (" + strings.Join(notes, "; ") + ")"
	}
	return text
}

func budget(whole, most int64) string {
	if whole > most {
		return megabytes(whole-most) + " over its budget of " + megabytes(most)
	}
	return megabytes(most-whole) + " below its budget"
}

func value(n *int64) int64 {
	if n == nil {
		return 0
	}
	return *n
}

func sum(units []weight) (all int64) {
	for _, u := range units {
		all += value(u.Bytes)
	}
	return all
}

// megabytes formats a size in 10^6 bytes, or in 10^3 if it is small.
func megabytes(n int64) string {
	if n < 100_000 && n > -100_000 {
		return fmt.Sprintf("%.1f kB", float64(n)/1e3)
	}
	return fmt.Sprintf("%.2f MB", float64(n)/1e6)
}
