package main

import (
	"context"
	"path"
	"slices"
	"strings"
	"time"

	"fnregistry.dev/fn_registry/check"
	"fnregistry.dev/fn_registry/registry"
	"fnregistry.dev/fn_registry/scaffold"
	"fnregistry.dev/fn_registry/spec"
	"fnregistry.dev/functions/infra/process"
)

// order is a request to create a unit.
type order struct {
	scaffold.Draft
	Force bool // even if a near duplicate exists
	Write bool // otherwise the files are only shown
}

// made is the result of an order.
type made struct {
	*scaffold.Plan
	Written  bool            `json:"written"`
	Alike    []string        `json:"alike"`    // IDs of units that may already do this
	Findings []check.Finding `json:"findings"` // the linter's findings in the written files
}

// refusal is the error for an order that conflicts with existing units.
type refusal struct {
	message    string
	hint       string // for a person at the command line
	toolHint   string // for an agent; empty: the hint
	candidates []string
}

func (e *refusal) Error() string { return e.message }

// carryOut plans a unit, looks for near duplicates, and writes it, or only
// shows it. When it returns, the registry includes what it wrote.
func carryOut(ctx context.Context, r *registry.Registry, o order) (*made, error) {
	s := r.State()
	plan, err := scaffold.New(s.Catalog, o.Draft)
	if err != nil {
		return nil, err
	}
	m := &made{Plan: plan, Alike: []string{}, Findings: []check.Finding{}}
	alike, err := lookAlikes(s, o.Draft)
	if err != nil {
		return nil, err
	}
	twins := m.sort(alike, o.Draft)
	if len(twins) > 0 && !o.Force {
		verb := " does nearly the same"
		if len(twins) > 1 {
			verb = " do nearly the same"
		}
		return nil, &refusal{message: "not created: " + strings.Join(twins, ", ") + verb, candidates: twins,
			hint:     "fn show " + twins[0] + " shows it; use or extend it, or create the new one anyway with --force",
			toolHint: "show describes " + twins[0] + "; use or extend it, or call new again with force"}
	}
	if !o.Write {
		return m, nil
	}
	return m, m.write(ctx, r)
}

// lookAlikes finds units similar to a draft. Programs are not compared: two may
// well be similar.
func lookAlikes(s *registry.State, d scaffold.Draft) ([]registry.Alike, error) {
	if d.Kind == spec.KindApp {
		return nil, nil
	}
	draft := registry.Draft{Name: d.Name, Description: d.Description, Tags: d.Tags}
	if d.Kind != spec.KindType {
		draft.Signature = d.Signature
	}
	found, err := s.Similar(draft, 0)
	if err != nil {
		return nil, err
	}
	return found.Items, nil
}

// mostTwins is how many units a refusal names.
const mostTwins = 3

// sort records the units that may already do this, and returns those that do. A
// draft with only a name says too little for that verdict, unless a unit has
// all words of the name; a single word must be in the unit's own name.
func (m *made) sort(alike []registry.Alike, d scaffold.Draft) (twins []string) {
	words := strings.Count(d.Name, "_") + 1
	for _, a := range alike {
		if a.Advice == registry.AdviceWrite {
			continue
		}
		m.Alike = append(m.Alike, a.ID)
		nameOnly := d.Description == "" && d.Signature == ""
		said := len(a.Words) >= words && (words > 1 || slices.Contains(strings.Split(a.Name, "_"), d.Name))
		if a.Advice == registry.AdviceUse && len(twins) < mostTwins && (!nameOnly || said) {
			twins = append(twins, a.ID)
		}
	}
	return twins
}

func (m *made) write(ctx context.Context, r *registry.Registry) error {
	dir := r.State().Catalog.Roots[0].Dir
	if err := m.Plan.Write(dir); err != nil {
		return err
	}
	m.Written = true
	if m.hasModule() {
		m.tidy(ctx, path.Join(dir, m.Folder))
	}
	if _, err := r.Refresh(ctx); err != nil {
		return err
	}
	left, err := scaffold.Complete(ctx, r.State().Catalog, m.Plan)
	if err != nil {
		return err
	}
	m.Findings = append(m.Findings, left...)
	_, err = r.Refresh(ctx)
	return err
}

func (m *made) hasModule() bool {
	return slices.ContainsFunc(m.Files, func(f scaffold.File) bool { return f.Path == path.Join(m.Folder, "go.mod") })
}

// tidyTime is how long go mod tidy may take; it may have to download modules.
const tidyTime = 2 * time.Minute

// tidy runs go mod tidy on the new module, to remove unused requirements. The
// module works without it.
func (m *made) tidy(ctx context.Context, dir string) {
	result, err := process.ProcessRun(ctx, process.ProcessRunConfig{
		Command: "go", Args: []string{"mod", "tidy"}, Dir: dir, Env: []string{"GOWORK=off", "GOFLAGS=-mod=mod"}, Timeout: tidyTime,
	})
	if err == nil {
		return
	}
	why := err.Error()
	if result != nil {
		why = lastLine(result.Stderr.String())
	}
	m.Notes = append(m.Notes, "go mod tidy failed ("+why+"): run it in "+m.Folder)
}

func lastLine(text string) string {
	lines := strings.Split(strings.TrimSpace(text), "\n")
	return strings.TrimSpace(lines[len(lines)-1])
}
