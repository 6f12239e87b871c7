// Package check compares specs with the code that they describe, the graph of
// units, and history. Each rule is in a file of its own. A rule reports
// findings; if the correct text can be derived, the finding includes the fix.
package check

import (
	"cmp"
	"context"
	"fmt"
	"path"
	"runtime"
	"slices"
	"sort"
	"strings"
	"sync"
	"sync/atomic"

	"fnregistry.dev/fn_registry/catalog"
	"fnregistry.dev/fn_registry/spec"
)

// Severity is how bad a finding is. Both make the linter exit with 1.
type Severity string

// The severities.
const (
	Error   Severity = "error"   // the spec or the code is wrong
	Warning Severity = "warning" // it is correct, but should be improved
)

// Finding is a problem at a position.
type Finding struct {
	Rule     string   `json:"rule"`
	Severity Severity `json:"severity"`
	Unit     string   `json:"unit"` // an ID; "" if it concerns no single unit
	Root     int      `json:"-"`    // index of the root that File is relative to
	File     string   `json:"file"` // from the root, with slashes
	Line     int      `json:"line"` // from 1
	Column   int      `json:"column"`
	Message  string   `json:"message"`
	Fix      *Fix     `json:"fix"` // nil if a person has to decide
}

// Fix is the automatic fix of a finding.
type Fix struct {
	Description string         `json:"description"` // "set tests to [A, B]"
	Edits       []spec.Edit    `json:"edits"`       // in File
	File        string         `json:"file"`        // the file that the edits are in, from the root
	set         map[string]any // the keys that it sets: fixes of one file are merged by key, not by text
	encoding    bool           // it fixes the encoding, before any key is set
	code        bool           // its edits are in a Go file, which Fixed applies verbatim
}

// Rule is one thing that is checked.
type Rule struct {
	Name        string
	Severity    Severity
	Summary     string // one line
	Explanation string // what is checked and why, and what to do; Markdown

	unit func(*pass, *catalog.Unit) // called for each unit with a spec that could be read
	tree func(*pass)                // called once
}

// Options says what to check.
type Options struct {
	Rules []string        // names; empty: all
	Only  map[string]bool // files (from the root) to check, with the units that use their content; nil: all
	Since *Since          // for the version rule; nil: it finds nothing
}

// Run checks a catalog. The findings are sorted by file and place. An unknown
// rule name is an error.
func Run(ctx context.Context, c *catalog.Catalog, opts Options) ([]Finding, error) {
	rules, err := choose(opts.Rules)
	if err != nil {
		return nil, err
	}
	scope := newScope(c, opts.Only)
	var mu sync.Mutex
	var all []Finding
	collect := func(found []Finding) {
		mu.Lock()
		all = append(all, found...)
		mu.Unlock()
	}
	var past *history
	if opts.Since != nil {
		past = newHistory(opts, scope)
		scope.renamed = past.renamedModules()
	}
	p := &pass{catalog: c, scope: scope}
	for _, r := range rules {
		if r.tree != nil {
			p.rule = r
			r.tree(p)
		}
	}
	collect(p.found)
	units := scope.units()
	var next atomic.Int64
	var wg sync.WaitGroup
	for range runtime.GOMAXPROCS(0) {
		wg.Go(func() {
			for ctx.Err() == nil {
				i := int(next.Add(1)) - 1
				if i >= len(units) {
					return
				}
				collect(checkUnit(c, units[i], rules, past))
			}
		})
	}
	wg.Wait()
	sort.Slice(all, func(i, j int) bool { return compareFindings(all[i], all[j]) < 0 })
	withoutModules(c, all)
	return all, ctx.Err()
}

// withoutModules removes the fixes from findings in roots with an unreadable
// go.mod: there the uses are unknown, and a fix would remove them.
func withoutModules(c *catalog.Catalog, all []Finding) {
	broken := map[int]bool{}
	for _, d := range c.Dirs {
		for _, f := range d.Faults {
			if path.Base(f.File) == "go.mod" {
				broken[d.Root] = true
			}
		}
	}
	for i := range all {
		if broken[all[i].Root] {
			all[i].Fix = nil
		}
	}
}

func compareFindings(a, b Finding) int {
	return cmp.Or(cmp.Compare(a.Root, b.Root), strings.Compare(a.File, b.File), cmp.Compare(a.Line, b.Line),
		cmp.Compare(a.Column, b.Column), strings.Compare(a.Rule, b.Rule), strings.Compare(a.Message, b.Message))
}

// Unit checks one unit by the rules that look at units, the tree's rules left
// out.
func Unit(c *catalog.Catalog, u *catalog.Unit) []Finding {
	found := checkUnit(c, u, Rules(), nil)
	sort.Slice(found, func(i, j int) bool { return compareFindings(found[i], found[j]) < 0 })
	return found
}

func checkUnit(c *catalog.Catalog, u *catalog.Unit, rules []*Rule, past *history) []Finding {
	p := &pass{catalog: c, unit: u, history: past}
	for _, r := range rules {
		// A file that can't be read as a spec at all gets the one finding that
		// says so.
		if r.unit != nil && (slices.Contains(schemaRules, r) || !u.Unread) {
			p.rule = r
			r.unit(p, u)
		}
	}
	return p.found
}

// pass is a run of rules over one unit, or over the tree.
type pass struct {
	catalog *catalog.Catalog
	unit    *catalog.Unit
	history *history // nil: nothing to compare with
	scope   *scope
	rule    *Rule
	found   []Finding

	derived *catalog.Derived
	hasCode bool
	doc     *spec.Document
	editor  *spec.Editor // of doc
}

// derive returns the facts of the unit's code; ok is false if there is none.
func (p *pass) derive() (*catalog.Derived, bool) {
	if p.derived == nil {
		d, ok := p.catalog.Derive(p.unit)
		p.derived, p.hasCode = &d, ok
	}
	return p.derived, p.hasCode
}

// document parses the spec again for positions and edits: only units with
// findings pay for it.
func (p *pass) document() *spec.Document {
	if p.doc == nil {
		doc, _, err := p.catalog.Document(p.unit)
		if err != nil {
			doc = spec.Parse(p.unit.File, nil)
		}
		p.doc = doc
	}
	return p.doc
}

// at reports a finding at any position.
func (p *pass) at(unit *catalog.Unit, root int, file string, line, column int, fix *Fix, format string, args ...any) {
	f := Finding{
		Rule: p.rule.Name, Severity: p.rule.Severity, Root: root, File: file, Line: max(line, 1), Column: max(column, 1),
		Message: fmt.Sprintf(format, args...), Fix: fix,
	}
	if unit != nil {
		f.Unit = unit.ID
	}
	p.found = append(p.found, f)
}

// key reports a finding at a key's value in the unit's spec.
func (p *pass) key(key string, fix *Fix, format string, args ...any) {
	pos := p.document().ValuePos(key)
	p.at(p.unit, p.unit.Dir.Root, p.unit.File, pos.Line, pos.Column, fix, format, args...)
}

// item reports a finding at one element of a list in the unit's spec.
func (p *pass) item(key string, i int, fix *Fix, format string, args ...any) {
	pos := p.document().ItemPos(key, i)
	p.at(p.unit, p.unit.Dir.Root, p.unit.File, pos.Line, pos.Column, fix, format, args...)
}

// reported reports whether the schema rules already have a finding about the
// key: one cause, one finding.
func (p *pass) reported(key string) bool {
	return slices.ContainsFunc(
		p.unit.Problems,
		func(pr spec.Problem) bool { return pr.Key == key && pr.Rule != spec.RuleDuplicate },
	)
}
