package registry

import (
	"context"
	"slices"
	"strings"

	"fnregistry.dev/fn_registry/catalog"
	"fnregistry.dev/fn_registry/check"
)

// Findings checks the state's catalog with all rules of the linter, except
// those that compare with history. The first call starts the work, which runs
// in the background until the registry is closed; every call waits for it, as
// long as its own ctx allows.
func (s *State) Findings(ctx context.Context) ([]check.Finding, error) {
	f := s.startFindings()
	select {
	case <-f.done:
		return f.list, f.err
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// findings is one run of the linter.
type findings struct {
	done   chan struct{} // closed when the rest is set
	list   []check.Finding
	byUnit map[string][]check.Finding
	err    error
}

func (s *State) startFindings() *findings {
	f := &findings{done: make(chan struct{})}
	if !s.findings.CompareAndSwap(nil, f) {
		return s.findings.Load()
	}
	s.registry.work.Go(func() {
		defer close(f.done)
		f.list, f.err = check.Run(s.registry.ctx, s.Catalog, check.Options{})
		f.list, f.byUnit = list(f.list), map[string][]check.Finding{}
		for _, found := range f.list {
			f.byUnit[found.Unit] = append(f.byUnit[found.Unit], found)
		}
	})
	return f
}

// FindingsReady reports whether Findings has its answer.
func (s *State) FindingsReady() bool {
	f := s.findings.Load()
	if f == nil {
		return false
	}
	select {
	case <-f.done:
		return f.err == nil
	default:
		return false
	}
}

// findingsOf returns the known findings of a unit, without running the rules on
// all of them.
func (s *State) findingsOf(u *catalog.Unit) []check.Finding {
	if s.FindingsReady() {
		return list(s.findings.Load().byUnit[u.ID])
	}
	return list(check.Unit(s.Catalog, u))
}

// FindingsQuery selects findings; an empty field selects all.
type FindingsQuery struct {
	Rule     string
	Severity check.Severity
	Unit     string // ID
	Domain   string // of the unit
	File     string // the file, or a folder above it
}

// FilterFindings selects findings. A rule, severity, unit or domain that does
// not exist is a [*QueryError]: no findings would mean that nothing is wrong
// with it.
func (s *State) FilterFindings(all []check.Finding, q FindingsQuery) ([]check.Finding, error) {
	var rules []string
	for _, r := range check.Rules() {
		rules = append(rules, r.Name)
	}
	if q.Rule != "" && !slices.Contains(rules, q.Rule) {
		return nil, unknown("rule", q.Rule, rules)
	}
	severities := []string{string(check.Error), string(check.Warning)}
	if q.Severity != "" && !slices.Contains(severities, string(q.Severity)) {
		return nil, unknown("severity", string(q.Severity), severities)
	}
	about := func(f check.Finding) bool { return f.Unit == q.Unit }
	if q.Unit != "" && s.Catalog.Unit(q.Unit) == nil && !slices.ContainsFunc(all, about) {
		return nil, &QueryError{
			Param:      "unit",
			Message:    "there is no unit " + quote(q.Unit),
			Candidates: s.missing(q.Unit).Candidates,
		}
	}
	if err := s.checkDomain(q.Domain); err != nil {
		return nil, err
	}
	folder := strings.TrimSuffix(q.File, "/") + "/"
	return slices.DeleteFunc(slices.Clone(all), func(f check.Finding) bool {
		u := s.Catalog.Unit(f.Unit)
		return q.Rule != "" && f.Rule != q.Rule || q.Severity != "" && f.Severity != q.Severity ||
			q.Unit != "" && f.Unit != q.Unit || q.Domain != "" && (u == nil || u.Spec.Domain != q.Domain) ||
			q.File != "" && f.File != q.File && !strings.HasPrefix(f.File, folder)
	}), nil
}

// CountRules counts findings by rule.
func CountRules(all []check.Finding) []Count {
	n := map[string]int{}
	for _, f := range all {
		n[f.Rule]++
	}
	return counts(n)
}
