package registry

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"fnregistry.dev/fn_registry/check"
	"fnregistry.dev/fn_registry/internal/testtree"
)

// village is the sample plus what it lacks: a type and a function that returns
// it, a unit without a signature in its spec, tested ones, a stub, a program
// made of another's units, and one whose spec names its file.
const village = `-- fn_registry.yaml --
version: 1
units: [f]
domains: [f, apps, unused]
-- f/ring.go --
package f

// Ring is a type of one number.
type Ring struct{ Size int }

// Length is an alias-like name for another type.
type Length = map[string]int

func RingMake(size int) (*Ring, error) { return &Ring{RoundUp(size)}, nil }

func RingCount(r *Ring, l Length) int { return BackoffWait(RoundUp(r.Size)) }
-- f/ring.md --
---
name: ring
kind: type
lang: go
domain: f
version: 1.0.0
purity: pure
description: A ring of numbers that goes round.
tags: [math, ring]
tested: true
---
## Gotchas
- A ring without a size is mauve.
-- f/ring_make.md --
---
name: ring_make
kind: function
lang: go
domain: f
version: 1.0.0
purity: impure
description: Makes a ring of numbers.
tags: [ring, math]
params:
  - name: size
    desc: How many turquoise numbers it has.
output: The ring, or an error that says ochre.
tested: true
---
-- f/ring_count.md --
---
name: ring_count
kind: pipeline
lang: go
domain: f
version: 0.2.0
description: Counts what a ring has.
tags: [ring, stub]
uses_functions: [round_up_go_f, gone_go_f]
imports: [example.org/other/pkg]
---
-- app2/main.go --
package main

import "example.org/m/f"

func main() { r, _ := f.RingMake(f.QueueDrain(1)); _ = r }
-- app2/second.md --
---
name: second
kind: app
lang: go
domain: apps
version: 0.1.0
description: A second tool, made of a ring and a queue.
tags: [cli]
binary_mb_max: 2.5
forbidden_imports: [database/sql]
run: go run ./app2
---
-- app3/third.md --
---
name: third
kind: app
lang: go
domain: apps
version: 0.1.0
description: A tool without code.
tags: [stub]
file_path: app3/main.go
---
`

// TestState_Answers compares whole answers, in the form in which programs get
// them.
func TestState_Answers(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	files := sample()
	_, all := testtree.Parse(village)
	for _, f := range all {
		files[f.Name] = f.Text
	}
	maps.Copy(files, unitFiles("sum_up", "Sums numbers up.", "RoundUp(1)", "math"))
	write(t, dir, files)
	s := open(t, Options{Roots: []string{dir}, NoCache: true}).State()
	var out strings.Builder
	show := func(what string, v any, err error) {
		fmt.Fprintf(&out, "== %s\n", what)
		if err != nil {
			fmt.Fprintf(&out, "error: %v\n", err)
			return
		}
		out.WriteString(lines(t, v))
	}
	show("stats", s.Stats(), nil)
	show("apps", s.Apps(), nil)
	yes, no := true, false
	for _, q := range []Query{
		{Text: "ring"}, {Text: "numbers round"}, {Text: "mauve"}, {Text: "turquoise"}, {Text: "ochre"}, {Text: "rnig"}, {Text: "ring kind:type"}, {Text: "ring ofsomething"},
		{Text: "(int) -> *Ring"}, {Text: "func(map[string]int) int"}, {Text: "tag:mth"}, {Text: "kind:app -tag:stub"}, {Text: "imports:/mautrix/"}, {Text: "imports:other/pkg"},
		{Text: "uses:round_up_go_f"}, {Text: "used_by:second_go_apps"}, {Text: "domain:unused"}, {Text: "lang:rust"}, {Text: "sort of"},
		{Tested: &yes}, {Tested: &no, Sort: SortUse, Limit: 3}, {Sort: SortID, Limit: 2}, {Purity: []string{"impure"}}, {Kind: []string{"type", "pipeline"}}, {Tag: []string{"ring", "math"}},
	} {
		p, err := s.Find(q)
		if err == nil {
			p.NextCursor = nil // opaque; other tests follow it
			for i := range p.Items {
				round(&p.Items[i].Score)
			}
		}
		show("find "+fieldsOf(q), p, err)
	}
	for _, d := range []Draft{
		{Name: "ring_make"}, {Description: "Makes a ring of numbers."}, {Signature: "func(int) (*Ring, error)"}, {Description: "paints walls", Tags: []string{"colour"}}, {Name: "make_numbers", Signature: "func(size int) int"},
		{Signature: "func(chan"}, {Signature: "func(]"}, {Signature: "func(*Ring, string) error", Description: "Counts."}, {Signature: "type Ring struct"},
	} {
		found, err := s.Similar(d, 3)
		if err == nil {
			for i := range found.Items {
				a := &found.Items[i]
				round(&a.Score)
				round(&a.Text)
				round(&a.Shape)
			}
		}
		show("similar "+fieldsOf(d), found, err)
	}
	for _, limit := range []int{-1, 50, 51} {
		found, err := s.Similar(Draft{Name: "ring"}, limit)
		show(fmt.Sprint("similar ring, at most ", limit), found != nil, err)
	}
	for _, id := range []string{"ring_go_f", "ring_count_go_f", "second_go_apps", "third_go_apps"} {
		d, err := s.Get(id)
		if err == nil {
			d.Findings = nil // shown below
		}
		show("get "+id, d, err)
	}
	for _, id := range []string{"ring", "rings_go_f", "rnig_go_f", "sum_go_f", "queue_make_go_f", "zzz", "", "go_f", strings.Repeat("ring_", 50)} {
		_, err := s.Get(id)
		show("get "+id, nil, err)
	}
	for _, id := range []string{"round_up_go_f", "second_go_apps"} {
		up, err := s.Dependents(id)
		show("dependents "+id, up, err)
		down, err := s.Dependencies(id)
		show("dependencies "+id, down, err)
	}
	for _, q := range []GraphQuery{{}, {ID: "ring_make_go_f"}, {ID: "ring_make_go_f", Depth: 1}, {ID: "ring_make_go_f", Direction: UsedBy}, {Domain: "apps"}, {ID: "ring_make_go_f", Domain: "apps"}, {Domain: "unused"}, {Domain: "nowhere"}, {ID: "ring_go"}} {
		g, err := s.Graph(q)
		show("graph "+fieldsOf(q), g, err)
	}
	found, err := s.Findings(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, q := range []FindingsQuery{{}, {Rule: "signature"}, {Rule: "signatur"}, {Severity: "warning"}, {Severity: "warn"}, {Unit: "ring_go_f"}, {Unit: "rnig_go_f"}, {Domain: "unused"}, {Domain: "nowhere"}, {File: "app3/"}, {File: "f/ring.md"}, {File: "f/rin"}} {
		chosen, err := s.FilterFindings(found, q)
		list := []string{}
		for _, f := range chosen {
			if f.Rule != "schema-missing" { // they are many, and all alike
				list = append(list, findingLine(f))
			}
		}
		show("findings "+fieldsOf(q), list, err)
	}
	show("stats with findings", s.Stats(), nil)

	const file = "testdata/answers.txt"
	if *updateGolden {
		if err := os.WriteFile(file, []byte(out.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	got, wanted := strings.Split(out.String(), "\n"), strings.Split(string(want), "\n")
	title := ""
	for i := range max(len(got), len(wanted)) {
		if i >= len(got) || i >= len(wanted) || got[i] != wanted[i] {
			t.Fatalf("%s:%d, below %q: got\n%s\nwant\n%s", file, i+1, title, strings.Join(got[min(i, len(got)):min(i+8, len(got))], "\n"), strings.Join(wanted[min(i, len(wanted)):min(i+8, len(wanted))], "\n"))
		}
		if strings.HasPrefix(got[i], "== ") {
			title = got[i]
		}
	}
}

// lines formats an answer as JSON, with a line for each key and for each item
// of a list of objects.
func lines(t *testing.T, v any) string {
	t.Helper()
	text, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	var keys map[string]json.RawMessage
	if json.Unmarshal(text, &keys) != nil {
		return items(text)
	}
	var out strings.Builder
	for _, key := range slices.Sorted(maps.Keys(keys)) {
		out.WriteString(key + ": " + items(keys[key]))
	}
	return out.String()
}

func items(text json.RawMessage) string {
	var list []json.RawMessage
	if json.Unmarshal(text, &list) != nil || len(list) == 0 {
		return string(text) + "\n"
	}
	out := "\n"
	for _, item := range list {
		out += "  " + string(item) + "\n"
	}
	return out
}

// fieldsOf formats the non-zero fields of a question.
func fieldsOf(question any) string {
	var set []string
	v := reflect.ValueOf(question)
	for i := range v.NumField() {
		if f := v.Field(i); !f.IsZero() {
			set = append(set, fmt.Sprintf("%s=%v", v.Type().Field(i).Name, reflect.Indirect(f)))
		}
	}
	return strings.Join(set, " ")
}

// round reduces a number to the precision that a person can judge.
func round(score *float64) { *score = math.Round(*score*10) / 10 }

func findingLine(f check.Finding) string {
	return fmt.Sprintf("%s:%d:%d: %s: %s: %s", f.File, f.Line, f.Column, f.Severity, f.Rule, f.Message)
}

// TestLoad: Load answers from the files as they are, whatever the cache
// contains, and the next Load reads only changed files.
func TestLoad(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	write(t, dir, sample())
	opts := Options{Roots: []string{dir}, Cache: t.TempDir()}
	for i, description := range []string{"Rounds a number up.", "Rounds to a ceiling.", "Rounds to a ceiling.", "Rounds to a roof."} {
		write(t, dir, unitFiles("round_up", description, "", "math"))
		r, err := Load(t.Context(), opts)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = r.Close() })
		d, err := r.State().Get("round_up_go_f")
		if err != nil || d.Description != description {
			t.Errorf("load %d: %+v, %v; want %q", i, d, err, description)
		}
		if r.Freshness().SweptAt == nil {
			t.Errorf("load %d did not check the files", i)
		}
	}
	r := open(t, opts)
	if r.Freshness().SweptAt != nil || find(t, r.State(), Query{Text: "roof"}).Total != 1 {
		t.Error("the last load left no cache of what it read")
	}
	opts.Roots = []string{filepath.Join(dir, "nowhere")}
	if _, err := Load(t.Context(), opts); err == nil {
		t.Error("a missing root was loaded")
	}
	cancelled, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := Load(cancelled, Options{Roots: []string{dir}, NoCache: true}); err == nil {
		t.Error("a cancelled load loaded")
	}
}
