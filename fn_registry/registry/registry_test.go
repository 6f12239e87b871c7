package registry

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"fnregistry.dev/fn_registry/check"
	"fnregistry.dev/fn_registry/internal/cache"
	"fnregistry.dev/fn_registry/internal/testtree"
	"fnregistry.dev/fn_registry/search"
	"fnregistry.dev/fn_registry/size/ledger"
)

// unitFiles returns the Go file and the spec of a function in package f.
func unitFiles(name, description, calls string, tags ...string) map[string]string {
	var symbol strings.Builder
	for part := range strings.SplitSeq(name, "_") {
		symbol.WriteString(strings.ToUpper(part[:1]) + part[1:])
	}
	signature := "func " + symbol.String() + "(n int) int"
	return map[string]string{
		"f/" + name + ".go": "package f\n\n" + signature + " { " + calls + "; return n }\n",
		"f/" + name + ".md": fmt.Sprintf(`---
name: %s
kind: function
lang: go
domain: f
version: 0.1.0
purity: pure
signature: %q
description: %s
tags: [%s]
params:
  - name: n
    desc: A number.
output: The number.
uses_functions: []
uses_types: []
returns: []
returns_optional: false
error_type: ""
imports: []
build_tags: []
tested: false
tests: []
test_file_path: ""
file_path: f/%s.go
---
## Example
secretexampleword

## When to use
When a number is needed.

## Gotchas
- None of %s.
`, name, signature, description, strings.Join(tags, ", "), name, name),
	}
}

// sample is a chain of three functions, each using the next, and a program that
// calls the first.
func sample() map[string]string {
	files := map[string]string{
		"fn_registry.yaml": "version: 1\nunits: [f]\n",
		"go.mod":           "module example.org/m\n",
		"app/main.go":      "package main\n\nimport (\n\t\"example.org/m/f\"\n\t\"maunium.net/go/mautrix\"\n)\n\nfunc main() { f.QueueDrain(1); mautrix.X() }\n",
		"app/tool.md":      "---\nname: tool\nkind: app\nlang: go\ndomain: apps\nversion: 0.1.0\ndescription: A tool.\ntags: [cli]\n---\n",
	}
	maps.Copy(files, unitFiles("queue_drain", "Drains a queue of messages.", "BackoffWait(1)", "queue"))
	maps.Copy(
		files,
		unitFiles("backoff_wait", "Waits between two tries, longer each time.", "RoundUp(1)", "retry", "time"),
	)
	maps.Copy(files, unitFiles("round_up", "Rounds a number up.", "", "math"))
	return files
}

func write(t testing.TB, dir string, files map[string]string) {
	t.Helper()
	for name, text := range files {
		testtree.Put(t, dir, name, text)
	}
}

func open(t testing.TB, opts Options) *Registry {
	t.Helper()
	r, err := Open(t.Context(), opts)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = r.Close() })
	return r
}

// setup opens a registry over the sample, without a cache.
func setup(t testing.TB) (*Registry, string) {
	t.Helper()
	dir := t.TempDir()
	write(t, dir, sample())
	return open(t, Options{Roots: []string{dir}, NoCache: true}), dir
}

func find(t testing.TB, s *State, q Query) *Page {
	t.Helper()
	p, err := s.Find(q)
	if err != nil {
		t.Fatalf("%+v: %v", q, err)
	}
	return p
}

func (p *Page) ids() string {
	var ids []string
	for _, it := range p.Items {
		ids = append(ids, it.ID)
	}
	return strings.Join(ids, " ")
}

func TestState_Find(t *testing.T) {
	t.Parallel()
	r, _ := setup(t)
	yes := true
	for _, c := range []struct {
		q    Query
		want string
	}{
		{Query{}, "backoff_wait_go_f queue_drain_go_f round_up_go_f tool_go_apps"},
		{Query{Sort: SortUse}, "backoff_wait_go_f round_up_go_f queue_drain_go_f tool_go_apps"},
		{Query{Sort: SortRelevance}, "backoff_wait_go_f round_up_go_f queue_drain_go_f tool_go_apps"},
		{Query{Text: "number", Sort: SortUse}, "backoff_wait_go_f round_up_go_f queue_drain_go_f"},
		{Query{Text: "number", Sort: SortUse, Tag: []string{"math", "MATH"}}, "round_up_go_f"},
		{Query{Text: "drain"}, "queue_drain_go_f"},
		{Query{Text: strings.Repeat(" ", MaxText-5) + "drain", Limit: MaxLimit}, "queue_drain_go_f"},
		{Query{Text: "tested:false -uses:round_up_go_f -kind:app"}, "queue_drain_go_f round_up_go_f"},
		{Query{Text: "tested:true"}, ""},
		{Query{Text: "tested:maybe"}, ""},
		{Query{Text: "-tag:nothing kind:APP"}, "tool_go_apps"},
		{Query{Text: "-imports:mautrix purity:pure"}, "backoff_wait_go_f queue_drain_go_f round_up_go_f"},
		{Query{UsedBy: []string{"backoff_wait_go_f"}, Uses: []string{"backoff_wait_go_f"}}, ""},
		{Query{Text: "tag:retry"}, "backoff_wait_go_f"},
		{Query{Text: "-tag:retry kind:function"}, "queue_drain_go_f round_up_go_f"},
		{Query{Text: "number -queue kind:app kind:function", Sort: SortID}, "backoff_wait_go_f round_up_go_f"},
		{Query{Kind: []string{"app", "type"}}, "tool_go_apps"},
		{Query{Tag: []string{"retry", "time"}}, "backoff_wait_go_f"},
		{Query{Tag: []string{"retry", "math"}}, ""},
		{Query{Uses: []string{"round_up_go_f"}}, "backoff_wait_go_f"},
		{Query{UsedBy: []string{"tool_go_apps"}}, "queue_drain_go_f"},
		{Query{Imports: []string{"mautrix"}}, "tool_go_apps"},
		{Query{Imports: []string{"maunium.net/go"}}, "tool_go_apps"},
		{Query{Imports: []string{"mautri"}}, ""},
		{Query{Tested: &yes}, ""},
		{Query{Signature: "func(int) int", Sort: SortID}, "backoff_wait_go_f queue_drain_go_f round_up_go_f"},
		{Query{Signature: "func(string) int"}, ""},
		{Query{Text: "secretexampleword"}, ""},
		{Query{Purity: []string{"pure"}, Domain: []string{"f"}, Lang: []string{"go"}, Text: "waits"}, "backoff_wait_go_f"},
	} {
		if got := find(t, r.State(), c.q); got.ids() != c.want || got.Total != len(strings.Fields(c.want)) {
			t.Errorf("%+v: %s (of %d), want %s", c.q, got.ids(), got.Total, c.want)
		}
	}
}

func TestHasElements(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		path, want string
		ok         bool
	}{
		{"maunium.net/go/mautrix", "mautrix", true}, {"maunium.net/go/mautrix/id", "go/mautrix", true}, {"maunium.net/go/mautrix", "maunium.net", true},
		{"maunium.net/go/mautrix", "mautri", false}, {"a/aa/aaa", "aaa", true}, {"aa/a", "a", true}, {"aab", "a", false}, {"a", "", false}, {"", "a", false},
	} {
		if got := hasElements(c.path, c.want); got != c.ok {
			t.Errorf("%s in %s: %v", c.want, c.path, got)
		}
	}
}

func TestState_Find_Item(t *testing.T) {
	t.Parallel()
	r, _ := setup(t)
	got := find(t, r.State(), Query{Text: "backoff", Limit: 1}).Items[0]
	if !slices.Equal(got.Why, []string{"backoff in name, body"}) {
		t.Errorf("why is %q", got.Why)
	}
	if got.Score <= 0.2 || !slices.Contains(got.Matched, "name") {
		t.Errorf("score %v, matched %v", got.Score, got.Matched)
	}
	got.Score, got.Matched, got.Why = 0, nil, nil
	want := Item{
		ID: "backoff_wait_go_f", Name: "backoff_wait", Kind: "function", Lang: "go", Domain: "f", Version: "0.1.0", Purity: "pure",
		Signature: "func BackoffWait(n int) int", Description: "Waits between two tries, longer each time.", Tags: []string{"retry", "time"},
		FilePath: "f/backoff_wait.go", Users: 2,
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
}

// The score says how well a unit matches, even if the list is sorted by use.
func TestState_Find_ScoreIsFit(t *testing.T) {
	t.Parallel()
	r, _ := setup(t)
	for _, q := range []Query{{Sort: SortUse}, {Sort: SortRelevance}, {Text: "water", Sort: SortID}, {Text: "rounds", Sort: SortUse}, {}} {
		for _, it := range find(t, r.State(), q).Items {
			if it.Score != 0 {
				t.Errorf("%+v: %s has the score %v", q, it.ID, it.Score)
			}
		}
	}
	if p := find(t, r.State(), Query{Text: "rounds"}); p.Total != 1 || p.Items[0].Score <= 0 {
		t.Errorf("%+v", p.Items)
	}
}

func TestState_Find_Refuses(t *testing.T) {
	t.Parallel()
	r, _ := setup(t)
	for _, c := range []struct {
		q         Query
		param     string
		candidate string
	}{
		{Query{Kind: []string{"functoin"}}, "kind", "function"},
		{Query{Purity: []string{"prue"}}, "purity", "pure"},
		{Query{Uses: []string{"round_up"}}, "uses", "round_up_go_f"},
		{Query{Sort: "size"}, "sort", "id"},
		{Query{Limit: -1}, "limit", ""},
		{Query{Limit: MaxLimit + 1}, "limit", ""},
		{Query{Signature: "nonsense"}, "signature", ""},
		{Query{Signature: "func(int)", Text: "func(int)"}, "signature", ""},
		{Query{Text: strings.Repeat("x", MaxText+1)}, "q", ""},
		{Query{Text: "a\x00b"}, "q", ""},
		{Query{Text: "a\xffb"}, "q", ""},
		{Query{Tested: new(bool), Kind: []string{""}}, "kind", ""},
		{Query{Lang: []string{"go"}, UsedBy: []string{strings.Repeat("x", 201)}}, "used_by", ""},
		{Query{Cursor: "nonsense"}, "cursor", ""},
		{Query{Cursor: cursor{Query: Query{}.fingerprint()}.String()}, "cursor", ""},
		{Query{Cursor: cursor{Query: Query{}.fingerprint(), Offset: -1}.String()}, "cursor", ""},
		{Query{Cursor: cursor{Query: Query{}.fingerprint(), Offset: 1<<30 + 1}.String()}, "cursor", ""},
		{Query{Cursor: cursor{Query: "other", Offset: 1}.String()}, "cursor", ""},
	} {
		_, err := r.State().Find(c.q)
		var qe *QueryError
		if !errors.As(err, &qe) || qe.Param != c.param || c.candidate != "" && !slices.Contains(qe.Candidates, c.candidate) {
			t.Errorf("%.100v: %v", fmt.Sprintf("%+v", c.q), err)
		}
	}
}

// A caller can tell a signature that can't be read from other mistakes.
func TestQueryError_Cause(t *testing.T) {
	t.Parallel()
	r, _ := setup(t)
	_, err := r.State().Find(Query{Signature: "nonsense"})
	if !errors.Is(err, search.ErrSignature) || !strings.HasPrefix(err.Error(), "signature: not a signature: ") {
		t.Errorf("find: %v", err)
	}
	if _, err = r.State().Similar(Draft{Signature: "nonsense"}, 5); !errors.Is(err, search.ErrSignature) {
		t.Errorf("similar: %v", err)
	}
	with := &QueryError{Param: "address", Message: "it can't be read", Err: search.ErrSignature}
	if with.Error() != "address: it can't be read: not a signature" {
		t.Error(with)
	}
}

func TestState_Find_Problems(t *testing.T) {
	t.Parallel()
	r, _ := setup(t)
	for text, candidate := range map[string]string{"kind:typ": "type", "tga:retry": "tag", "tag:retyr": "retry", "uses:round": "round_up_go_f"} {
		p := find(t, r.State(), Query{Text: text})
		if len(p.Problems) != 1 || !slices.Contains(p.Problems[0].Candidates, candidate) {
			t.Errorf("%s: %+v", text, p.Problems)
		}
	}
	if p := find(t, r.State(), Query{Tag: []string{"retyr"}}); len(p.Problems) != 1 || p.Total != 0 {
		t.Errorf("%+v", p)
	}
}

func TestState_Find_Cursor(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	files := sample()
	for i := range 30 {
		maps.Copy(files, unitFiles(fmt.Sprintf("pump_%02d", i), "Pumps water.", ""))
	}
	write(t, dir, files)
	r := open(t, Options{Roots: []string{dir}, NoCache: true})
	for _, q := range []Query{{}, {Text: "water"}, {Sort: SortUse}, {Text: "pumps", Sort: SortID}} {
		all := q
		all.Limit = MaxLimit
		want := find(t, r.State(), all).ids()
		var got []string
		for q.Limit = 7; ; {
			p := find(t, r.State(), q)
			got = append(got, p.ids())
			if p.NextCursor == nil {
				break
			}
			q.Cursor = *p.NextCursor
		}
		if strings.Join(got, " ") != want {
			t.Errorf("%+v:\ngot  %s\nwant %s", q, got, want)
		}
	}

	// Between two pages, units are added, and the one that the page ended with
	// is removed.
	q := Query{Text: "water", Limit: 5, Sort: SortID}
	first := find(t, r.State(), q)
	write(t, dir, unitFiles("pump_00a", "Pumps water.", ""))
	for _, ext := range []string{".go", ".md"} {
		if err := os.Remove(filepath.Join(dir, "f", "pump_04"+ext)); err != nil {
			t.Fatal(err)
		}
	}
	refresh(t, r)
	q.Cursor = *first.NextCursor
	if got := find(t, r.State(), q).ids(); got != "pump_05_go_f pump_06_go_f pump_07_go_f pump_08_go_f pump_09_go_f" {
		t.Errorf("after %s: %s", first.ids(), got)
	}
}

// TestState_Find_CursorOfMoved: a page continues after the unit that the last
// one ended with, wherever that has moved meanwhile, and at its former position
// if it was removed, in every order.
func TestState_Find_CursorOfMoved(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	write(t, dir, sample())
	r := open(t, Options{Roots: []string{dir}, NoCache: true})
	all := []string{"backoff_wait_go_f", "round_up_go_f", "queue_drain_go_f", "tool_go_apps"} // by use: 2, 2 (and a program), 1, 0
	score := func(id string) float64 {
		for _, it := range find(t, r.State(), Query{Sort: SortUse}).Items {
			if it.ID == id {
				return float64(it.Users) // by which they are sorted
			}
		}
		t.Fatalf("no %s", id)
		return 0
	}
	for _, c := range []struct {
		sort  Sort
		after cursor
		want  []string
	}{
		{SortUse, cursor{Offset: 1, Key: all[0]}, all[1:]},
		{SortUse, cursor{Offset: 3, Key: all[0]}, all[1:]},
		{SortUse, cursor{Offset: 1, Key: all[2]}, all[3:]},
		{SortUse, cursor{Offset: 1, Key: all[3]}, nil},
		{SortUse, cursor{Offset: 99, Key: all[1]}, all[2:]},
		{SortUse, cursor{Offset: 1, Key: "gone", Score: 1e6}, all},
		{SortUse, cursor{Offset: 1, Key: "gone", Score: -1}, nil},
		{SortUse, cursor{Offset: 1, Key: "q", Score: score(all[2])}, all[2:]},
		{SortUse, cursor{Offset: 1, Key: "r", Score: score(all[2])}, all[3:]},
		{SortID, cursor{Offset: 1, Key: "a"}, []string{all[0], all[2], all[1], all[3]}},
		{SortID, cursor{Offset: 4, Key: "queue_drain"}, []string{all[2], all[1], all[3]}},
		{SortID, cursor{Offset: 2, Key: "queue_drain_go_g"}, []string{all[1], all[3]}},
		{SortID, cursor{Offset: 2, Key: "z"}, nil},
	} {
		q := Query{Sort: c.sort}
		c.after.Query = q.fingerprint()
		q.Cursor = c.after.String()
		p := find(t, r.State(), q)
		if got := p.ids(); got != strings.Join(c.want, " ") || p.Total != len(all) || p.NextCursor != nil {
			t.Errorf("%s after %+v: %s, want %s", c.sort, c.after, got, c.want)
		}
	}
}

func refresh(t testing.TB, r *Registry) Change {
	t.Helper()
	change, err := r.Refresh(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return change
}

func TestState_Get(t *testing.T) {
	t.Parallel()
	r, dir := setup(t)
	d, err := r.State().Get("backoff_wait_go_f")
	if err != nil {
		t.Fatal(err)
	}
	if d.Symbol != "BackoffWait" || d.ImportPath != "example.org/m/f" || d.SpecFile != "f/backoff_wait.md" || d.Line != 3 || d.Stale {
		t.Errorf("%+v", d)
	}
	if len(d.Uses) != 1 || d.Uses[0].ID != "round_up_go_f" || len(d.UsedBy) != 1 || !slices.Equal(d.Apps, []string{"tool_go_apps"}) {
		t.Errorf("uses %+v, used by %+v, apps %v", d.Uses, d.UsedBy, d.Apps)
	}
	if !slices.Equal(d.Derived.UsesFunctions, []string{"round_up_go_f"}) || !d.Derived.Pure {
		t.Errorf("derived %+v", d.Derived)
	}
	var rules []string
	for _, f := range d.Findings {
		rules = append(rules, f.Rule)
	}
	if !slices.Contains(rules, "uses-functions") { // the spec lists none
		t.Errorf("findings %v", rules)
	}
	if len(d.Body.Sections) != 3 || d.Body.Sections[2].Kind != "gotchas" || !strings.Contains(d.Body.Sections[2].Markdown, "None of backoff_wait") {
		t.Errorf("body %+v", d.Body)
	}
	if text, err := json.Marshal(d); err != nil || strings.Contains(string(text), "[]null") || strings.Contains(string(text), dir) {
		t.Errorf("%s, %v", text, err)
	}

	write(t, dir, unitFiles("backoff_wait", "Something else.", "RoundUp(1)"))
	if d, err = r.State().Get("backoff_wait_go_f"); err != nil || !d.Stale || d.Description != "Something else." || d.Spec.Description != d.Description || d.Body.Markdown == "" || d.Users != 2 {
		t.Errorf("after an edit, frontmatter and body are of one write: %+v, %v", d, err)
	}
	for _, half := range []string{"", "---\nname: backoff_wait\nkind: func", "---\nname: other\nkind: function\nlang: go\ndomain: f\n---\nbody\n"} {
		if err := os.WriteFile(filepath.Join(dir, "f/backoff_wait.md"), []byte(half), 0o644); err != nil {
			t.Fatal(err)
		}
		if d, err = r.State().Get("backoff_wait_go_f"); err != nil || !d.Stale || d.Description != "Waits between two tries, longer each time." || d.Body.Markdown != "" {
			t.Errorf("while it is rewritten as %q: %+v, %v", half, d, err)
		}
	}
	if err := os.Remove(filepath.Join(dir, "f/backoff_wait.md")); err != nil {
		t.Fatal(err)
	}
	if d, err = r.State().Get("backoff_wait_go_f"); err != nil || !d.Stale || d.Body.Markdown != "" {
		t.Errorf("after a removal: %+v, %v", d, err)
	}
}

// TestState_Get_Bytes: a figure is shown as long as the code is unchanged since
// it was measured.
func TestState_Get_Bytes(t *testing.T) {
	t.Parallel()
	dir, cache := t.TempDir(), t.TempDir()
	write(t, dir, sample())
	r := open(t, Options{Roots: []string{dir}, Cache: cache})
	bytes := func(id string) *int64 {
		t.Helper()
		d, err := r.State().Get(id)
		if err != nil {
			t.Fatal(err)
		}
		return d.Bytes
	}
	if got := bytes("round_up_go_f"); got != nil {
		t.Errorf("never measured, and weighs %d", *got)
	}
	c := r.State().Catalog
	if err := r.Sizes().Put(ledger.UnitKey(c, c.Unit("round_up_go_f")), 4321); err != nil {
		t.Fatal(err)
	}
	if got := bytes("round_up_go_f"); got == nil || *got != 4321 {
		t.Errorf("got %v", got)
	}
	if got := bytes("backoff_wait_go_f"); got != nil {
		t.Errorf("another unit weighs %d", *got)
	}
	write(t, dir, unitFiles("round_up", "Rounds a number up.", "println()", "math"))
	refresh(t, r)
	if got := bytes("round_up_go_f"); got != nil {
		t.Errorf("changed, and weighs %d", *got)
	}
	write(t, dir, unitFiles("round_up", "Rounds a number up.", "", "math"))
	refresh(t, r)
	if got := bytes("round_up_go_f"); got == nil || *got != 4321 {
		t.Errorf("changed back: got %v", got)
	}
	if none, _ := setup(t); none.Sizes() != "" {
		t.Error("without a cache there are figures")
	}
}

func TestState_Get_Unknown(t *testing.T) {
	t.Parallel()
	r, _ := setup(t)
	for id, want := range map[string]string{
		"backoff_wait": "backoff_wait_go_f", "backof_wait_go_f": "backoff_wait_go_f", "wait_backoff_go_f": "backoff_wait_go_f", "queue": "queue_drain_go_f",
	} {
		_, err := r.State().Get(id)
		var nf *NotFoundError
		if !errors.As(err, &nf) || len(nf.Candidates) == 0 || nf.Candidates[0] != want {
			t.Errorf("%s: %v", id, err)
		}
	}
	for _, id := range []string{"", "\x00", "\xff", strings.Repeat("a_", 5000)} {
		if _, err := r.State().Get(id); err == nil {
			t.Errorf("%.20q was found", id)
		}
	}
}

func TestState_Resolve_Nothing(t *testing.T) {
	t.Parallel()
	r, _ := setup(t)
	for _, id := range []string{"", " ", "\""} {
		_, err := r.State().Resolve(id)
		if e, ok := err.(*NotFoundError); !ok || len(e.Candidates) > 0 {
			t.Errorf("%q: %v", id, err)
		}
	}
}

func TestState_Resolve(t *testing.T) {
	t.Parallel()
	r, _ := setup(t)
	for _, text := range []string{"round_up_go_f", "round_up", "RoundUp", "f.RoundUp"} {
		if id, err := r.State().Resolve(text); id != "round_up_go_f" {
			t.Errorf("%s: %s, %v", text, id, err)
		}
	}
	if _, err := r.State().Resolve("round"); err == nil {
		t.Error("round was resolved")
	}
}

// Of units that are equal ignoring underscores and case, the exact match is
// meant; if several are left, all of them are named.
func TestState_Resolve_Equal(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	files := sample()
	for name, symbol := range map[string]string{"ab": "AB", "a_b": "A_b"} {
		text := unitFiles(name, "Is one of two.", "")["f/"+name+".md"]
		files["f/"+name+".md"] = strings.ReplaceAll(
			text,
			"func "+map[string]string{"ab": "Ab", "a_b": "AB"}[name],
			"func "+symbol,
		)
		files["f/"+name+".go"] = "package f\n\nfunc " + symbol + "(n int) int { return n }\n"
	}
	for path, text := range unitFiles("round_up", "Rounds up, too.", "") {
		files["g/"+strings.TrimPrefix(path, "f/")] = strings.NewReplacer("domain: f", "domain: g", "package f", "package g", "f/round", "g/round").Replace(text)
	}
	write(t, dir, files)
	s := open(t, Options{Roots: []string{dir}, NoCache: true}).State()
	for text, want := range map[string]string{
		"ab": "ab_go_f", "AB": "ab_go_f", "a_b": "a_b_go_f", "A_b": "a_b_go_f", "f.AB": "ab_go_f", "f.A_b": "a_b_go_f",
		"f.RoundUp": "round_up_go_f", "g.RoundUp": "round_up_go_g",
	} {
		if id, err := s.Resolve(text); id != want {
			t.Errorf("%s: %s, %v", text, id, err)
		}
	}
	for _, text := range []string{"round_up", "RoundUp", "roundup"} {
		if _, err := s.Resolve(text); err == nil || !strings.Contains(err.Error(), "several units are called \""+text+"\": round_up_go_f, round_up_go_g") {
			t.Errorf("%s: %v", text, err)
		}
	}
}

// A unit that only mentions a name is not a candidate for it.
func TestState_Get_Unknown_Mentioned(t *testing.T) {
	t.Parallel()
	r, _ := setup(t)
	for _, id := range []string{"messages", "longer", "number_go_f", "mesages"} {
		_, err := r.State().Get(id)
		var nf *NotFoundError
		if !errors.As(err, &nf) || len(nf.Candidates) > 0 {
			t.Errorf("%s: %v", id, err)
		}
	}
}

// A message lists each candidate once.
func TestQueryError_Suggestions(t *testing.T) {
	t.Parallel()
	r, _ := setup(t)
	s := r.State()
	for text, want := range map[string]string{
		"kind:zzz": `kind:zzz: "zzz" is not one of function, type, pipeline, app`,
		"kind:typ": `kind:typ: "typ" is not one of function, type, pipeline, app; did you mean type?`,
		"zzz:a":    "zzz:a: unknown field zzz; there are tag, purity, kind, domain, lang, tested, imports, uses, used_by",
		"tga:a":    "tga:a: unknown field tga; did you mean tag?",
	} {
		if p := find(t, s, Query{Text: text}); len(p.Problems) != 1 || p.Problems[0].String() != want {
			t.Errorf("%s: %v", text, p.Problems)
		}
	}
	if _, err := s.Find(Query{Kind: []string{"zzz"}}); err == nil || err.Error() != `kind: "zzz" is not one of function, type, pipeline, app` {
		t.Error(err)
	}
}

// A query of which nothing is understood finds nothing, rather than everything.
func TestState_NothingUnderstood(t *testing.T) {
	t.Parallel()
	r, _ := setup(t)
	s := r.State()
	for text, all := range map[string]bool{
		"bogus:x": false, "bogus:x zzz:y": false, "-bogus:x": false, "bogus:x kind:function": true, "bogus:x message": true, "tag:": true, "": true,
	} {
		p := find(t, s, Query{Text: text})
		if (p.Total > 0) != all || (len(p.Problems) > 0) != strings.Contains(text, "bogus") {
			t.Errorf("%q: %d units, %v", text, p.Total, p.Problems)
		}
	}
	if p := find(t, s, Query{Text: "bogus:x", Kind: []string{"function"}}); p.Total > 0 {
		t.Errorf("with a filter next to it: %d units", p.Total)
	}
}

// A filter value that no unit has is reported; an empty answer would suggest
// that all is well there.
func TestState_FilterNamesNothing(t *testing.T) {
	t.Parallel()
	r, _ := setup(t)
	s := r.State()
	if p := find(t, s, Query{Imports: []string{"nope"}}); len(p.Problems) != 1 {
		t.Errorf("%+v", p.Problems)
	}
	if p := find(t, s, Query{Text: "imports:mautrix"}); len(p.Problems) != 0 || p.Total == 0 {
		t.Errorf("%+v", p)
	}
	all, err := s.Findings(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for param, q := range map[string]FindingsQuery{"unit": {Unit: "round_upp_go_f"}, "domain": {Domain: "ff"}} {
		_, err := s.FilterFindings(all, q)
		if bad, ok := errors.AsType[*QueryError](err); !ok || bad.Param != param || len(bad.Candidates) == 0 {
			t.Errorf("%+v: %v", q, err)
		}
	}
	for param, q := range map[string]GraphQuery{"domain": {Domain: "ff"}, "depth": {Depth: 1}, "direction": {Direction: Uses}} {
		_, err := s.Graph(q)
		if bad, ok := errors.AsType[*QueryError](err); !ok || bad.Param != param {
			t.Errorf("%+v: %v", q, err)
		}
	}
}

func TestState_Reach(t *testing.T) {
	t.Parallel()
	r, _ := setup(t)
	show := func(reach *Reach, err error) string {
		if err != nil {
			t.Fatal(err)
		}
		var all []string
		for _, it := range reach.Items {
			all = append(all, fmt.Sprintf("%d %s<%s", it.Depth, it.ID, it.Via))
		}
		return strings.Join(all, ", ") + "; " + strings.Join(reach.Apps, " ")
	}
	if got := show(r.State().Dependents("round_up_go_f")); got !=
		"1 backoff_wait_go_f<round_up_go_f, 2 queue_drain_go_f<backoff_wait_go_f, 3 tool_go_apps<queue_drain_go_f; tool_go_apps" {
		t.Error(got)
	}
	if got := show(r.State().Dependencies("queue_drain_go_f")); got != "1 backoff_wait_go_f<queue_drain_go_f, 2 round_up_go_f<backoff_wait_go_f; " {
		t.Error(got)
	}
	if _, err := r.State().Dependents("round"); err == nil {
		t.Error("an unknown ID was found")
	}
}

func TestState_Graph(t *testing.T) {
	t.Parallel()
	r, _ := setup(t)
	show := func(q GraphQuery) string {
		g, err := r.State().Graph(q)
		if err != nil {
			t.Fatal(err)
		}
		var all []string
		for _, n := range g.Nodes {
			all = append(all, n.ID)
		}
		for _, e := range g.Edges {
			all = append(all, e.From+">"+e.To)
		}
		return strings.Join(all, " ")
	}
	for _, c := range []struct {
		q    GraphQuery
		want string
	}{
		{GraphQuery{}, "backoff_wait_go_f queue_drain_go_f round_up_go_f tool_go_apps backoff_wait_go_f>round_up_go_f queue_drain_go_f>backoff_wait_go_f tool_go_apps>queue_drain_go_f"},
		{GraphQuery{ID: "backoff_wait_go_f", Depth: 1}, "backoff_wait_go_f queue_drain_go_f round_up_go_f backoff_wait_go_f>round_up_go_f queue_drain_go_f>backoff_wait_go_f"},
		{GraphQuery{ID: "queue_drain_go_f", Direction: UsedBy}, "queue_drain_go_f tool_go_apps tool_go_apps>queue_drain_go_f"},
		{GraphQuery{ID: "queue_drain_go_f", Direction: Uses, Depth: 1}, "backoff_wait_go_f queue_drain_go_f queue_drain_go_f>backoff_wait_go_f"},
		{GraphQuery{Domain: "apps"}, "tool_go_apps"},
		{GraphQuery{ID: "round_up_go_f", Domain: "apps"}, "round_up_go_f tool_go_apps"},
		{GraphQuery{ID: "round_up_go_f", Depth: 2}, "backoff_wait_go_f queue_drain_go_f round_up_go_f backoff_wait_go_f>round_up_go_f queue_drain_go_f>backoff_wait_go_f"},
		{GraphQuery{ID: "tool_go_apps", Direction: UsedBy}, "tool_go_apps"},
	} {
		if got := show(c.q); got != c.want {
			t.Errorf("%+v\ngot  %s\nwant %s", c.q, got, c.want)
		}
	}
	for _, q := range []GraphQuery{{ID: "nope"}, {Depth: -1}, {Direction: "up"}} {
		if _, err := r.State().Graph(q); err == nil {
			t.Errorf("%+v was answered", q)
		}
	}
}

func TestGraph_Write(t *testing.T) {
	t.Parallel()
	g := &Graph{
		Nodes: []Node{
			{ID: "a", Name: "a", Kind: "app"},
			{ID: `b"\`, Name: "b\"]\n<x>", Kind: "type", Purity: "impure"},
		},
		Edges: []Edge{{"a", `b"\`}},
	}
	var dot, mermaid, text strings.Builder
	for _, err := range []error{g.WriteDOT(&dot), g.WriteMermaid(&mermaid), g.WriteJSON(&text)} {
		if err != nil {
			t.Fatal(err)
		}
	}
	if want := `  "a" [label="a", shape=note];
  "b\"\\" [label="b\"]\n<x>", shape=ellipse, style=bold];
  "a" -> "b\"\\";
}
`; !strings.HasSuffix(dot.String(), want) {
		t.Errorf("got %s\nwant %s", dot.String(), want)
	}
	if want := "flowchart LR\n  n0([\"a\"])\n  n1(\"b#34;#93;#10;#60;x#62;\")\n  n0 --> n1\n"; mermaid.String() != want {
		t.Errorf("got %s\nwant %s", mermaid.String(), want)
	}
	var back Graph
	if err := json.Unmarshal([]byte(text.String()), &back); err != nil || !reflect.DeepEqual(&back, g) {
		t.Errorf("%+v, %v", back, err)
	}
}

func TestState_Findings(t *testing.T) {
	t.Parallel()
	r, _ := setup(t)
	s := r.State()
	if s.FindingsReady() || s.Stats().Findings != nil {
		t.Error("findings before they were requested")
	}
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := s.Findings(gone); err != nil && !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	all, err := s.Findings(t.Context())
	if err != nil || !s.FindingsReady() {
		t.Fatal(err)
	}
	few, err := s.FilterFindings(all, FindingsQuery{Rule: "uses-functions"})
	if err != nil || len(few) == 0 || len(few) >= len(all) {
		t.Errorf("%d of %d, %v", len(few), len(all), err)
	}
	one, err := s.FilterFindings(all, FindingsQuery{Unit: "tool_go_apps", File: "app", Domain: "apps"})
	if err != nil || len(one) == 0 {
		t.Errorf("%v, %v", one, err)
	}
	if _, err := s.FilterFindings(all, FindingsQuery{Rule: "uses-funtions"}); err == nil || !strings.Contains(err.Error(), "uses-functions") {
		t.Error(err)
	}
	for _, c := range []struct {
		q    FindingsQuery
		want func(check.Finding) bool
	}{
		{FindingsQuery{}, func(check.Finding) bool { return true }},
		{FindingsQuery{Severity: check.Error}, func(f check.Finding) bool { return f.Severity == check.Error }},
		{FindingsQuery{Severity: check.Warning}, func(f check.Finding) bool { return f.Severity == check.Warning }},
		{FindingsQuery{Domain: "f"}, func(f check.Finding) bool { return strings.HasSuffix(f.Unit, "_f") }},
		{FindingsQuery{Domain: "f", Severity: check.Error, File: "f/round_up.md"}, func(f check.Finding) bool { return f.File == "f/round_up.md" && f.Severity == check.Error }},
		{FindingsQuery{File: "f/"}, func(f check.Finding) bool { return strings.HasPrefix(f.File, "f/") }},
		{FindingsQuery{File: "f/round"}, func(check.Finding) bool { return false }},
	} {
		got, err := s.FilterFindings(all, c.q)
		want := slices.DeleteFunc(slices.Clone(all), func(f check.Finding) bool { return !c.want(f) })
		if err != nil || !slices.EqualFunc(got, want, func(a, b check.Finding) bool { return a.File == b.File && a.Line == b.Line && a.Message == b.Message }) {
			t.Errorf("%+v: %d findings, want %d; %v", c.q, len(got), len(want), err)
		}
	}
	if _, err := s.FilterFindings(all, FindingsQuery{Severity: "eror"}); err == nil || !strings.Contains(err.Error(), "error") {
		t.Error(err)
	}
	sum, last := 0, len(all)
	for _, n := range CountRules(all) {
		if of, _ := s.FilterFindings(all, FindingsQuery{Rule: n.Name}); len(of) != n.Count || n.Count > last {
			t.Errorf("%s: %d findings, counted %d, after %d", n.Name, len(of), n.Count, last)
		}
		sum, last = sum+n.Count, n.Count
	}
	if sum != len(all) {
		t.Errorf("%d of %d findings are counted", sum, len(all))
	}
	counted := s.Stats()
	errs := slices.DeleteFunc(slices.Clone(all), func(f check.Finding) bool { return f.Severity != check.Error })
	if *counted.Errors != len(errs) || !slices.Equal(counted.Kinds, []Count{{"function", 3}, {"app", 1}}) || !slices.Equal(counted.Domains, []Count{{"f", 3}, {"apps", 1}}) ||
		!slices.Equal(counted.Tags, []Count{{"cli", 1}, {"math", 1}, {"queue", 1}, {"retry", 1}, {"time", 1}}) || !slices.Equal(counted.Langs, []Count{{"go", 4}}) || counted.Tested != 0 {
		t.Errorf("%+v", counted)
	}
	if got := s.Stats(); *got.Findings != len(all) || got.Units != 4 || got.Pure != 3 || got.Uses != 3 {
		t.Errorf("%+v", got)
	}
	d, err := s.Get("tool_go_apps")
	if err != nil || len(d.Findings) != len(one) {
		t.Errorf("%+v, %v", d.Findings, err)
	}
}

func TestState_Similar(t *testing.T) {
	t.Parallel()
	r, _ := setup(t)
	got, err := r.State().Similar(Draft{Name: "backoff_wait", Description: "waits longer after each try", Signature: "func(int) int"}, 0)
	if err != nil || got.Advice != AdviceUse || got.Use[0] != "backoff_wait_go_f" || !strings.Contains(got.Message, "backoff_wait_go_f") {
		t.Errorf("%+v, %v", got, err)
	}
	got, err = r.State().Similar(Draft{Description: "bakes bread in an oven"}, 3)
	if err != nil || got.Advice != AdviceWrite || len(got.Use) != 0 {
		t.Errorf("%+v, %v", got, err)
	}
	for _, d := range []Draft{{}, {Signature: "nonsense"}, {Name: "a\x00"}, {Description: strings.Repeat("x", 1<<17)}} {
		if _, err := r.State().Similar(d, 0); err == nil {
			t.Errorf("%.30q was answered", d.Description)
		}
	}
}

// A draft that says nothing yet gets no advice: every unit might match it.
func TestState_Similar_Nothing(t *testing.T) {
	t.Parallel()
	r, _ := setup(t)
	for _, d := range []Draft{{Signature: "func("}, {Signature: " func ("}, {Signature: "->"}, {}, {Tags: []string{" "}}} {
		if found, err := r.State().Similar(d, 0); err == nil {
			t.Errorf("%+v: %+v", d, found)
		}
	}
	for _, d := range []Draft{{Signature: "func()"}, {Signature: "func(n"}, {Signature: "-> int"}, {Signature: "func(", Description: "Rounds a number up."}} {
		if _, err := r.State().Similar(d, 0); err != nil {
			t.Errorf("%+v: %v", d, err)
		}
	}
}

func TestState_Apps(t *testing.T) {
	t.Parallel()
	r, _ := setup(t)
	apps := r.State().Apps()
	if len(apps) != 1 || apps[0].ID != "tool_go_apps" || apps[0].Units != 3 || len(apps[0].Uses) != 1 || apps[0].FilePath != "app/main.go" {
		t.Errorf("%+v", apps)
	}
}

// endsAfter is a context that has ended when it was asked so often.
type endsAfter struct {
	context.Context
	left *atomic.Int64
}

func (c endsAfter) Err() error {
	if c.left.Add(-1) < 0 {
		return context.Canceled
	}
	return nil
}

// A save that is interrupted, wherever that is, leaves each file whole, and a
// later one makes up for it.
func TestRegistry_SaveInterrupted(t *testing.T) {
	t.Parallel()
	dir, cache := t.TempDir(), t.TempDir()
	write(t, dir, sample())
	opts := Options{Roots: []string{dir}, Cache: cache}
	r := open(t, opts)
	saved := false
	for asked := int64(0); !saved; asked++ {
		if asked > 10_000 {
			t.Fatal("a save asks its context for ever")
		}
		left := new(atomic.Int64)
		left.Store(asked)
		err := r.Save(endsAfter{t.Context(), left})
		if err != nil && !errors.Is(err, context.Canceled) {
			t.Fatalf("asked %d times: %v", asked, err)
		}
		if asked < 3 && err == nil {
			t.Errorf("it was saved though its context ended when it was asked %d times", asked)
		}
		files, errList := os.ReadDir(cache)
		if errList != nil || len(files) > 2 {
			t.Fatalf("%v, %v", files, errList)
		}
		saved = err == nil
	}
	again := open(t, opts)
	if again.Freshness().SweptAt != nil {
		t.Error("the cache is of no use")
	}
	sameAnswers(t, again.State(), r.State())
}

func TestRegistry_Cache(t *testing.T) {
	t.Parallel()
	dir, cache := t.TempDir(), t.TempDir()
	write(t, dir, sample())
	opts := Options{Roots: []string{dir}, Cache: cache}
	r := open(t, opts)
	if r.Freshness().SweptAt == nil {
		t.Error("a first start did not read the files")
	}
	if err := r.Save(t.Context()); err != nil {
		t.Fatal(err)
	}
	write(t, dir, unitFiles("round_up", "Rounds to the nearest ceiling.", ""))

	stale := open(t, opts)
	if stale.Freshness().SweptAt != nil || find(t, stale.State(), Query{Text: "ceiling"}).Total != 0 {
		t.Error("a start from the cache checked the files")
	}
	sameAnswers(t, stale.State(), r.State())
	if change := refresh(t, stale); change.Changed == 0 || stale.State().Generation != 2 {
		t.Errorf("%+v, generation %d", change, stale.State().Generation)
	}
	if got := find(t, stale.State(), Query{Text: "ceiling"}).ids(); got != "round_up_go_f" {
		t.Errorf("found %q", got)
	}
	if change := refresh(t, stale); !change.None() {
		t.Errorf("nothing changed: %+v", change)
	}
	if err := stale.Save(t.Context()); err != nil {
		t.Fatal(err)
	}

	fresh := open(t, Options{Roots: []string{dir}, NoCache: true})
	for _, damage := range []func(file string, data []byte) error{
		func(file string, data []byte) error { return os.Remove(file) },
		func(file string, data []byte) error { return os.WriteFile(file, data[:len(data)/2], 0o644) },
		func(file string, data []byte) error {
			data[len(data)-20] ^= 1
			return os.WriteFile(file, data, 0o644)
		},
		func(file string, data []byte) error { return os.WriteFile(file, nil, 0o644) },
	} {
		for _, ext := range []string{"*.snapshot", "*.index"} {
			files, err := filepath.Glob(filepath.Join(cache, ext))
			if err != nil || len(files) != 1 {
				t.Fatal(files, err)
			}
			data, err := os.ReadFile(files[0])
			if err != nil {
				t.Fatal(err)
			}
			if err := damage(files[0], slices.Clone(data)); err != nil {
				t.Fatal(err)
			}
			again := open(t, opts)
			sameAnswers(t, again.State(), fresh.State())
			if err := os.WriteFile(files[0], data, 0o644); err != nil {
				t.Fatal(err)
			}
		}
	}
}

// apart saves a registry before and after a change of its files, and restores
// the old version of one of the cache's files, as an interrupted Save may leave
// it.
func apart(t *testing.T, file func(cacheFiles) string, change func(dir string)) (*Registry, Options) {
	t.Helper()
	dir := t.TempDir()
	write(t, dir, sample())
	opts := Options{Roots: []string{dir}, Cache: t.TempDir()}
	r := open(t, opts)
	if err := r.Save(t.Context()); err != nil {
		t.Fatal(err)
	}
	old, err := os.ReadFile(file(r.files))
	if err != nil {
		t.Fatal(err)
	}
	change(dir)
	refresh(t, r)
	if err := r.Save(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file(r.files), old, 0o644); err != nil {
		t.Fatal(err)
	}
	return r, opts
}

// TestRegistry_CacheApart: a snapshot and an index of different times are
// reconciled.
func TestRegistry_CacheApart(t *testing.T) {
	t.Parallel()
	r, opts := apart(t, func(f cacheFiles) string { return f.index }, func(dir string) {
		write(t, dir, unitFiles("round_up", "Rounds to the nearest ceiling.", ""))
		write(t, dir, unitFiles("round_down", "Rounds to the nearest floor.", ""))
		if err := os.Remove(filepath.Join(dir, "f/queue_drain.md")); err != nil {
			t.Fatal(err)
		}
	})
	again := open(t, opts)
	if again.Freshness().SweptAt != nil {
		t.Error("the folders were read again")
	}
	sameAnswers(t, again.State(), r.State())
	if got := find(t, again.State(), Query{Text: "ceiling"}).ids(); got != "round_up_go_f" {
		t.Errorf("found %q", got)
	}
}

// TestRegistry_CacheAhead: an index that is newer than the snapshot does not
// keep a unit's old text.
func TestRegistry_CacheAhead(t *testing.T) {
	t.Parallel()
	_, opts := apart(t, func(f cacheFiles) string { return f.snapshot }, func(dir string) {
		write(t, dir, unitFiles("round_up", "Rounds to the nearest ceiling.", ""))
	})
	again := open(t, opts)
	refresh(t, again)
	if got := find(t, again.State(), Query{Text: "ceiling"}).ids(); got != "round_up_go_f" {
		t.Errorf("found %q", got)
	}
}

// TestRegistry_BrokenSpec: a unit whose spec can't be read stays as last known,
// and has a finding.
func TestRegistry_BrokenSpec(t *testing.T) {
	t.Parallel()
	for name, broken := range map[string]string{
		"empty": "", "cut": "---\nname: round_up\nkind: fun", "plain": "# notes\n", "bad YAML": "---\nname: [\n---\n",
		"anchor": "---\nname: round_up\ntags: [&a x]\n---\n", "UTF-16": "\xff\xfe-\x00-\x00-\x00\n\x00",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir, cache := t.TempDir(), t.TempDir()
			write(t, dir, sample())
			opts := Options{Roots: []string{dir}, Cache: cache}
			r := open(t, opts)
			before, err := r.State().Get("round_up_go_f")
			if err != nil {
				t.Fatal(err)
			}
			others := findingsOfOthers(t, r.State(), "round_up_go_f")
			check := func(r *Registry) {
				t.Helper()
				after, err := r.State().Get("round_up_go_f")
				if err != nil {
					t.Fatal(err)
				}
				if !reflect.DeepEqual(after.Spec, before.Spec) || !reflect.DeepEqual(after.UsedBy, before.UsedBy) || !after.Stale {
					t.Errorf("%+v, was %+v", after, before)
				}
				if len(after.Findings) != 1 || after.Findings[0].File != "f/round_up.md" {
					t.Errorf("findings %+v", after.Findings)
				}
				if got := find(t, r.State(), Query{Text: "rounds"}).ids(); got != "round_up_go_f" {
					t.Errorf("found %q", got)
				}
				if got := findingsOfOthers(t, r.State(), "round_up_go_f"); got != others {
					t.Errorf("the others have %d findings, and had %d", got, others)
				}
			}
			write(t, dir, map[string]string{"f/round_up.md": broken})
			refresh(t, r)
			check(r)
			if err := r.Save(t.Context()); err != nil {
				t.Fatal(err)
			}
			check(open(t, opts)) // from the cache
			write(t, dir, sample())
			refresh(t, r)
			if after, err := r.State().Get("round_up_go_f"); err != nil || !reflect.DeepEqual(after, before) {
				t.Errorf("mended: %+v, %v", after, err)
			}
		})
	}
}

// findingsOfOthers counts the findings of all units but one.
func findingsOfOthers(t *testing.T, s *State, id string) int {
	t.Helper()
	found, err := check.Run(t.Context(), s.Catalog, check.Options{})
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for _, f := range found {
		if f.Unit != id {
			n++
		}
	}
	return n
}

// TestRegistry_RefreshIsOpen: after any edits, Refresh yields the same as a new
// start.
func TestRegistry_RefreshIsOpen(t *testing.T) {
	t.Parallel()
	for seed := range uint64(8) {
		rng := rand.New(rand.NewPCG(seed, 0))
		dir := t.TempDir()
		write(t, dir, sample())
		r := open(t, Options{Roots: []string{dir}, NoCache: true})
		for step := range 12 {
			edit(t, rng, dir)
			refresh(t, r)
			fresh := open(t, Options{Roots: []string{dir}, NoCache: true})
			sameAnswers(t, r.State(), fresh.State())
			fresh.Close()
			if t.Failed() {
				t.Fatalf("seed %d, step %d", seed, step)
			}
		}
	}
}

// edit makes a random change to the tree, with file times as coarse as
// possible.
func edit(t *testing.T, rng *rand.Rand, dir string) {
	words := strings.Fields("drain queue retry wait round number message ceiling floor sqlite matrix")
	names := []string{"queue_drain", "backoff_wait", "round_up", "round_down", "wait_long", "drain_fast"}
	word, name := words[rng.IntN(len(words))], names[rng.IntN(len(names))]
	calls := []string{"", "RoundUp(1)", "BackoffWait(1)", "println()"}[rng.IntN(4)]
	files := unitFiles(name, "It does "+word+".", calls, word)
	switch rng.IntN(7) {
	case 0: // removed
		for file := range files {
			os.Remove(filepath.Join(dir, file))
		}
	case 1: // only code
		delete(files, "f/"+name+".md")
		write(t, dir, files)
	case 2: // a second unit with the same ID, in another folder
		for file, text := range files {
			write(t, dir, map[string]string{"f/twin/" + filepath.Base(file): text})
		}
	case 3:
		os.RemoveAll(filepath.Join(dir, "f/twin"))
	case 4: // no signature in the spec: the code's counts
		md := "f/" + name + ".md"
		before, rest, _ := strings.Cut(files[md], "signature:")
		_, after, _ := strings.Cut(rest, "\n")
		files[md] = before + after
		write(t, dir, files)
	case 5: // barely a spec
		write(t, dir, map[string]string{"f/" + name + ".md": "---\nname: " + name + "\n---\n"})
	default:
		write(t, dir, files)
	}
}

// sameAnswers asks two states the same questions.
func sameAnswers(t *testing.T, a, b *State) {
	t.Helper()
	ask := func(s *State) map[string]any {
		answers := map[string]any{}
		for _, q := range []Query{
			{Limit: MaxLimit}, {Sort: SortUse, Limit: MaxLimit}, {Text: "drain"}, {Text: "number"}, {Text: "it does"}, {Text: "ceiling -floor"},
			{Text: "wiat"}, {Text: "tag:retry"}, {Signature: "func(int) int", Limit: MaxLimit}, {Text: "round n", Limit: MaxLimit},
		} {
			p := find(t, s, q)
			p.result.Hits = nil
			answers[fmt.Sprintf("%+v", q)] = p.Items
		}
		for _, u := range s.Catalog.Units {
			if u.ID == "" {
				continue
			}
			d, err := s.Get(u.ID)
			if err != nil {
				t.Fatal(err)
			}
			d.Stale, d.Body = false, Body{}
			answers[u.ID] = d
		}
		g, _ := s.Graph(GraphQuery{})
		answers["graph"] = g
		answers["apps"] = s.Apps()
		st := s.Stats()
		st.Findings, st.Errors = nil, nil
		answers["stats"] = st
		return answers
	}
	got, want := ask(a), ask(b)
	for k := range want {
		if !reflect.DeepEqual(got[k], want[k]) {
			x, _ := json.Marshal(got[k])
			y, _ := json.Marshal(want[k])
			t.Errorf("%s differs:\n%s\n%s", k, x, y)
		}
	}
	if len(got) != len(want) {
		t.Errorf("%d answers, want %d", len(got), len(want))
	}
}

func TestRegistry_ReadersDuringRefresh(t *testing.T) {
	t.Parallel()
	r, dir := setup(t)
	stop, done := make(chan struct{}), make(chan error, 2)
	for range 2 {
		go func() {
			for {
				select {
				case <-stop:
					done <- nil
					return
				default:
				}
				s := r.State()
				p, err := s.Find(Query{Text: "number"})
				if err == nil && p.Total > 0 {
					_, err = s.Get(p.Items[0].ID)
				}
				if err != nil {
					done <- err
					return
				}
				r.Freshness()
			}
		}()
	}
	rng := rand.New(rand.NewPCG(1, 1))
	for range 30 {
		edit(t, rng, dir)
		refresh(t, r)
	}
	close(stop)
	for range 2 {
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
}

// TestRegistry_FreshnessKeepsUp: a reader that sees the time of a check gets
// the state from that check, or a later one.
func TestRegistry_FreshnessKeepsUp(t *testing.T) {
	t.Parallel()
	r, dir := setup(t)
	type change struct {
		at     time.Time
		before uint64 // the generation that does not have it
	}
	var last atomic.Pointer[change]
	last.Store(&change{at: time.Now().Add(time.Hour)})
	stop, done := make(chan struct{}), make(chan string, 2)
	for range 2 {
		go func() {
			for {
				select {
				case <-stop:
					done <- ""
					return
				default:
				}
				c := last.Load()
				if f := r.Freshness(); f.SweptAt.After(c.at) && f.Generation <= c.before {
					done <- fmt.Sprintf("generation %d was made before the change that a look had to find", f.Generation)
					return
				}
			}
		}()
	}
	for i := range 10 {
		write(t, dir, unitFiles("round_up", fmt.Sprintf("Rounds a number up, edition %d.", i), ""))
		last.Store(&change{at: time.Now(), before: r.State().Generation})
		refresh(t, r)
	}
	close(stop)
	for range 2 {
		if problem := <-done; problem != "" {
			t.Error(problem)
		}
	}
}

func TestOpen_BadRoot(t *testing.T) {
	t.Parallel()
	if _, err := Open(t.Context(), Options{Roots: []string{filepath.Join(t.TempDir(), "nowhere")}, NoCache: true}); err == nil {
		t.Error("a missing root was opened")
	}
}

func TestRegistry_CloseEndsFindings(t *testing.T) {
	t.Parallel()
	r, _ := setup(t)
	f := r.State().startFindings()
	r.Close()
	select {
	case <-f.done:
	case <-time.After(10 * time.Second):
		t.Error("the linter still runs")
	}
}

// FuzzFind: no query panics, and all results pass its filters.
func FuzzFind(f *testing.F) {
	dir := f.TempDir()
	write(f, dir, sample())
	r, err := Open(f.Context(), Options{Roots: []string{dir}, NoCache: true})
	if err != nil {
		f.Fatal(err)
	}
	f.Cleanup(func() { _ = r.Close() })
	f.Add("drain tag:queue -kind:app", "", "", "go/mautrix")
	f.Add("", "func(int) int", "eyJxIjoiIiwibyI6MX0", "")
	f.Add("uses:x \"a b\" imports:", "(_) -> [", "x", "/")
	f.Fuzz(func(t *testing.T, text, signature, cursor, imports string) {
		q := Query{Text: text, Signature: signature, Cursor: cursor, Kind: []string{"function"}}
		if imports != "" {
			q.Imports = []string{imports}
		}
		p, err := r.State().Find(q)
		if err != nil {
			var qe *QueryError
			if !errors.As(err, &qe) {
				t.Fatal(err)
			}
			return
		}
		for _, it := range p.Items {
			if it.Kind != "function" {
				t.Errorf("%+v", it)
			}
			p.Spans(it.Description)
		}
	})
}

// FuzzReadIndex: no file, however broken, causes a panic, when it is read or
// queried.
func FuzzReadIndex(f *testing.F) {
	dir := f.TempDir()
	write(f, dir, sample())
	r, err := Open(f.Context(), Options{Roots: []string{dir}, Cache: f.TempDir()})
	if err != nil {
		f.Fatal(err)
	}
	f.Cleanup(func() { _ = r.Close() })
	if err := r.Save(f.Context()); err != nil {
		f.Fatal(err)
	}
	data, err := os.ReadFile(r.files.index)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(data)
	f.Add(data[:len(indexMagic)+50])
	f.Fuzz(func(t *testing.T, data []byte) {
		x, indexed, err := decodeIndex(data, cache.Build())
		if err != nil {
			return
		}
		if x.Len() != len(indexed) {
			t.Errorf("%d units, %d of them listed", x.Len(), len(indexed))
		}
	})
}

// TestState_FindSeesThroughTypes: string finds a parameter of type Key string,
// wherever that is declared, also from the cache and after Key has changed.
func TestState_FindSeesThroughTypes(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	write(t, dir, sample())
	files := unitFiles("key_check", "Checks a key.", "")
	for name, text := range files {
		files[name] = strings.ReplaceAll(text, "KeyCheck(n int) int", "KeyCheck(k Key) int")
	}
	files["f/key.go"] = "package f\n\ntype Key string\n\ntype hidden string\n"
	files["f/key_test.go"] = "package f\n\ntype Key bool\n"
	write(t, dir, files)
	opts := Options{Roots: []string{dir}, Cache: t.TempDir()}
	r := open(t, opts)
	if err := r.Save(t.Context()); err != nil {
		t.Fatal(err)
	}
	for name, r := range map[string]*Registry{"fresh": r, "from the cache": open(t, opts)} {
		if got := find(t, r.State(), Query{Text: "func(string) int"}).ids(); got != "key_check_go_f" {
			t.Errorf("%s: found %q", name, got)
		}
	}
	write(t, dir, map[string]string{"f/key.go": "package f\n\ntype Key []byte\n"})
	refresh(t, r)
	for query, want := range map[string]string{"func(string) int": "", "func([]byte) int": "key_check_go_f"} {
		if got := find(t, r.State(), Query{Text: query}).ids(); got != want {
			t.Errorf("%s: found %q, want %q", query, got, want)
		}
	}
}
