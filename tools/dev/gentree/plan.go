package main

import (
	"fmt"
	"math"
	"math/rand/v2"
	"path"
	"slices"
	"strings"
)

const (
	module   = "example.org/acme"
	maxUnits = 2_000_000
	maxUses  = 5
	maxCost  = 60 // calls that one call may cause, directly and indirectly
)

// plan is everything that one unit needs to know about the others: names,
// signatures, uses. The text is generated later.
type plan struct {
	seed     uint64
	packages []pkg
	units    []unit // by package; the first is the coded error
	apps     []app
}

type pkg struct {
	name, domain string
	level        int // a package imports only packages of lower levels
	first, end   int // its units
}

func (p *pkg) dir() string        { return path.Join("functions", p.domain, p.name) }
func (p *pkg) importPath() string { return module + "/" + p.dir() }

type kind uint8

const (
	function kind = iota
	pipeline
	typ
)

var kindNames = [...]string{"function", "pipeline", "type"}

// unit is one unit. Its ID is name_go_domain.
type unit struct {
	name   string
	pkg    int32
	kind   kind
	pure   bool
	fields []uint8 // of a type: indexes of configFields
	sig    signature
	uses   []int32 // the units that its code calls
	cost   int32
	// Its errors are coded, its own or those of units that it calls.
	coded bool
}

// app is a program: it calls its units and prints their results.
type app struct {
	name string
	uses []int32
}

// form is the structure of a function's code.
type form uint8

const (
	plain form = iota
	genericSort
	genericMerge
	genericKeep
	genericGroup
	sqlCount
	httpLimit
)

type signature struct {
	form   form
	ctx    bool
	params []param
	config []uint8 // fields of its config struct, the last parameter; nil: none
	result result
	// The index of the parameter that is checked; len(params) means the config;
	// -1: none.
	guard    int
	err, ok  bool // returns an error, or a bool, after the result
	ownError bool // creates a coded error rather than a plain one
}

type param struct {
	name     string
	typ      int8  // index of types; -1: unit is the type
	unit     int32 // a registered type
	variadic bool
}

type resultKind uint8

const (
	none   resultKind = iota
	basic             // one of types
	record            // a struct of the unit's own: *XResult
	known             // a registered type
)

type result struct {
	kind resultKind
	typ  int8
	unit int32
}

func newPlan(n int, seed uint64) *plan {
	p := &plan{seed: seed}
	r := rand.New(rand.NewPCG(seed, math.MaxUint64))
	p.addPackages(r, n)
	p.units = make([]unit, 0, n)
	d := drawer{plan: p, r: r, taken: make(map[string]bool, n)}
	for i := range p.packages {
		d.addUnits(i)
	}
	d.addApps(max(1, n/500))
	return p
}

// domains besides core, the frequent ones first.
var domains = []string{"infra", "web", "data", "sync", "ops", "auth"}

// addPackages makes packages of 20 to 60 units, a third of them in core.
func (p *plan) addPackages(r *rand.Rand, n int) {
	domainZipf := newZipf(len(domains))
	for at := 0; at < n; {
		size := min(20+r.IntN(41), n-at)
		if rest := n - at - size; rest > 0 && rest < 20 {
			size = min(size+rest, 60)
		}
		p.packages = append(p.packages, pkg{first: at, end: at + size})
		at += size
	}
	const coreLevels, levels = 3, 8
	cores := (len(p.packages) + 2) / 3
	for i := range p.packages {
		g := &p.packages[i]
		g.name = topics[i%len(topics)]
		if i >= len(topics) {
			g.name += fmt.Sprint(i/len(topics) + 1)
		}
		if i < cores {
			g.domain, g.level = "core", i*coreLevels/cores
		} else {
			g.domain = domains[domainZipf.draw(r)]
			g.level = coreLevels + (i-cores)*(levels-coreLevels)/(len(p.packages)-cores)
		}
	}
	p.packages[0].name = "fault"
}

// drawer generates the units one after another, each knowing those before it.
type drawer struct {
	*plan
	r     *rand.Rand
	taken map[string]bool // names without underscores

	pure, all, types []int32 // the units so far that code can call, and the types
}

// below returns how many of a list's units are in packages of a lower level.
func (d *drawer) below(list []int32, level int) int {
	n, _ := slices.BinarySearchFunc(list, level, func(i int32, level int) int {
		if d.packages[d.units[i].pkg].level < level {
			return -1
		}
		return 1
	})
	return n
}

func (d *drawer) addUnits(g int) {
	level := d.packages[g].level
	core := d.packages[g].domain == "core"
	start := [...]int{len(d.pure), len(d.all), len(d.types)}
	for i := d.packages[g].first; i < d.packages[g].end; i++ {
		u := unit{pkg: int32(g), pure: core || d.r.IntN(3) == 0}
		switch {
		case i == 0:
			u.name, u.kind, u.pure = "error", typ, true
			d.taken["error"] = true
		case d.r.IntN(20) == 0:
			u.name, u.kind, u.pure, u.fields = d.name(g, false), typ, true, d.fields(2+d.r.IntN(3))
			d.types = append(d.types, int32(i))
		default:
			d.addFunction(&u, level, start)
		}
		d.units = append(d.units, u)
		if u.kind != typ && u.sig.form < sqlCount {
			if d.all = append(d.all, int32(i)); u.pure {
				d.pure = append(d.pure, int32(i))
			}
		}
	}
}

func (d *drawer) addFunction(u *unit, level int, start [3]int) {
	u.name = d.name(int(u.pkg), true)
	u.sig = d.signature(u, level, start[2])
	u.cost = 1
	if u.sig.form == plain {
		list, own := d.all, start[1]
		if u.pure {
			list, own = d.pure, start[0]
		}
		d.addUses(u, list, d.below(list, level), own)
	}
	u.coded = u.sig.err && (u.sig.ownError || slices.ContainsFunc(u.uses, func(i int32) bool { return d.units[i].coded }))
	if len(u.uses) >= 2 && d.r.IntN(6) == 0 {
		u.kind = pipeline
	}
}

// useCounts is how often a unit uses none, one, two ... others, in percent.
var useCounts = [maxUses + 1]int{34, 26, 18, 12, 6, 4}

// addUses draws units from list: those of its own package (from own on), and
// those below, a few of them very often.
func (d *drawer) addUses(u *unit, list []int32, below, own int) {
	want, percent := 0, d.r.IntN(100)
	for percent >= useCounts[want] {
		percent -= useCounts[want]
		want++
	}
	for range 3 * want {
		if len(u.uses) == want {
			return
		}
		var i int32
		switch choice := d.r.IntN(10); {
		case choice < 2 && own < len(list):
			i = list[own+d.r.IntN(len(list)-own)]
		case below == 0:
			continue
		case choice < 7:
			i = list[int(math.Pow(float64(below), d.r.Float64()))-1]
		default:
			i = list[d.r.IntN(below)]
		}
		if !slices.Contains(u.uses, i) && u.cost+d.units[i].cost <= maxCost {
			u.uses = append(u.uses, i)
			u.cost += d.units[i].cost
		}
	}
}

// name generates an unused name: "batch_flush", "stale_ledger_entry_merge". A
// type's name has no verb.
func (d *drawer) name(g int, withVerb bool) string {
	topic := strings.TrimRight(d.packages[g].name, "0123456789")
	var words []string
	add := func(word string) {
		if !slices.Contains(words, word) {
			words = append(words, word)
		}
	}
	if d.r.IntN(3) == 0 && topic != "fault" {
		add(topic)
	}
	add(noun(d.r))
	if withVerb {
		add(verb(d.r))
	} else {
		add(noun(d.r))
	}
	if d.r.IntN(4) == 0 {
		add(qualifier(d.r))
	}
	for {
		name := strings.Join(words, "_")
		if squashed := strings.Join(words, ""); len(words) > 1 && !d.taken[squashed] {
			d.taken[squashed] = true
			return name
		}
		if len(words) > 5 {
			words = words[:0]
		}
		if d.r.IntN(2) == 0 {
			words = append([]string{adjectives[d.r.IntN(len(adjectives))]}, words...)
		} else {
			words = append([]string{nouns[d.r.IntN(len(nouns))]}, words...)
		}
	}
}

func (d *drawer) fields(n int) []uint8 {
	z := newZipf(len(configFields))
	var fields []uint8
	for len(fields) < n {
		if f := uint8(z.draw(d.r)); !slices.Contains(fields, f) {
			fields = append(fields, f)
		}
	}
	return fields
}

func (d *drawer) addApps(n int) {
	for range n {
		name := d.name(d.r.IntN(len(d.packages)), true)
		a := app{name: name}
		for range 2 + d.r.IntN(8) {
			if len(d.all) == 0 {
				break
			}
			if i := d.all[d.r.IntN(len(d.all))]; !slices.Contains(a.uses, i) {
				a.uses = append(a.uses, i)
			}
		}
		d.apps = append(d.apps, a)
	}
}

func (p *plan) id(i int32) string {
	u := &p.units[i]
	return u.name + "_go_" + p.packages[u.pkg].domain
}
