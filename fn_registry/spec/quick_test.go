package spec

import (
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
)

// sameAsLibrary fails if the quick reader's result differs from the library's.
func sameAsLibrary(t *testing.T, front string) (quick bool) {
	t.Helper()
	got, ok := quickYAML([]byte(front), nil)
	if !ok {
		return false
	}
	want, err := libraryYAML([]byte(front))
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("%q:\nread %v\nwant %v, %v", front, plainTree(got), want, err)
	}
	return true
}

// frontOf returns decodeYAML's input for a document; ok is false if it gets
// none.
func frontOf(src string) (text string, ok bool) {
	d := &Document{src: []byte(src)}
	if !d.split() || !d.checkCharacters() {
		return "", false
	}
	return src[d.fenceStart:d.front.end], true
}

// TestQuickYAML_OwnSpecs: nearly all of this repository's specs are read by the
// quick reader, with the same result as the library's.
func TestQuickYAML_OwnSpecs(t *testing.T) {
	t.Parallel()
	read, quick := 0, 0
	err := filepath.WalkDir("../../functions", func(path string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() || filepath.Ext(path) != ".md" {
			return err
		}
		src, err := os.ReadFile(path)
		if err != nil || !IsSpec(src) {
			return err
		}
		if text, ok := frontOf(string(src)); ok {
			read++
			if sameAsLibrary(t, text) {
				quick++
			}
		}
		return nil
	})
	if err != nil || read < 50 || quick < read*9/10 {
		t.Errorf("%d of %d read the quick way: %v", quick, read, err)
	}
}

// quickCases are values at the limit of what the quick reader accepts, and
// whether it does.
var quickCases = map[string]bool{
	"name: a": true, "name: a\nkind: b": true, "name: true": true, "name: false": true, "version: 1.2.3": true, "version: 0.90.9": true, "name: z_a": true, "name: a/Z": true, "tags: [Az, zZ, a09]": true, "name: 'it is'": true, `name: ""`: true,
	"name: a b, [c] {d}": true, "name: a#b": true, "name: a:b": true, "tags: []": true, "tags: [a]": true, "tags: [a, b c, \"d, e\", 'f]']": true,
	"params:\n  - name: a\n    desc: b c\n  - name: d\nrun: x": true, "params:\n  - name: a": true, "name: x\nname: z": true, "name: nothing": true, "tags: [go-1, a.b/c_d]": true,

	"params:\n  - name: a\n    desc: b\n    unit: c\n  - name: d\n    desc: e": true, "params:\n  - name: a\ntags: [b]\nparams:\n  - name: c": true,
	strings.Repeat("a", 64) + ": b": true,

	`name: "a\"b"`: true, `name: "a\\"`: true, `name: "\\\"n"`: true, `tags: ["a\"", 'b\']`: true,

	"": false, "name:": false, "name: ": false, "name:  a": false, "name: a ": false, "name : a": false, "name": false, " name: a": false, "\nname: a": false,
	"name: 1": false, "name: 1.2": false, "name: 1.2.3.4": false, "name: 1..2": false, "name: .1.2": false, "name: 1.2.": false, "name: 1.2.x": false, "name: -a": false,
	"name: null": false, "name: Yes": false, "name: NO": false, "name: on": false, "name: off": false, "name: y": false, "name: n": false, "name: True": false,
	"name: ~": false, "name: [a": false, "name: a]\n b": false, "name: a: b": false, "name: a:": false, "name: a #b": false, "name: a\n  b": false, "name: a\n b": false,
	`name: "a\nb"`: false, `name: "a\"`: false, `name: "a\\" b"`: false, `name: "a"b`: false, "name: 'it''s'": false, `name: "a`: false, "name: &a b": false, "name: *a": false, "name: !!str a": false, "name: |\n  a": false,
	"name: é": false, "name: a\tb": false, "# a\nname: b": false, "y: a": false, "on: a": false, "null: a": false, "a1: b": false, "- a": false, "name: {a: b}": false,
	"tags: [a,b]": false, "tags: [a, ]": false, "tags: [a , b]": false, "tags: [ a]": false, "tags: [1]": false, "tags: [true]": false, "tags: [a: b]": false, "tags: [[a]]": false,
	"tags: [a]\n  b": false, "tags: [a #b]": false, "tags: [a], b]": false, "tags: []]": false, "tags: [,]": false,
	"params:\n- name: a": false, "params:\n  - a": false, "params:\n  - name:": false, "params:\n  - name: [a]": false, "params:\n  -  name: a": false,
	"params:\n  - name: a\n     desc: b": false, "params:\n  - name: a\n   desc: b": false, "params:\n    - name: a": false, "params:\n  - name: a\n      b": false, "params:\nrun: a": false,
	strings.Repeat("a", 65) + ": b": false,
}

func TestQuickYAML_Edges(t *testing.T) {
	t.Parallel()
	for text, want := range quickCases {
		if got := sameAsLibrary(t, "---\n"+text+"\n"); got != want {
			t.Errorf("%q is read the quick way: %v, want %v", text, got, want)
		}
	}
	for _, s := range seeds(t) {
		if text, ok := frontOf(s); ok {
			sameAsLibrary(t, text)
		}
	}
}

// TestQuickYAML_Generated: no frontmatter in any style is read differently.
func TestQuickYAML_Generated(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(3, 4))
	for range 2000 {
		sameAsLibrary(t, "---\n"+generate(r))
	}
	lines := make([]string, 0, len(quickCases)+8)
	for text := range quickCases {
		lines = append(lines, text)
	}
	lines = append(lines, "  - name: a", "    desc: b", "      c", "  - d", "tags:", "params:", "# e", "    - f: g")
	for range 20000 {
		var text strings.Builder
		for range 1 + r.IntN(5) {
			text.WriteString(lines[r.IntN(len(lines))] + "\n")
		}
		sameAsLibrary(t, "---\n"+text.String())
	}
}

func FuzzQuickYAML(f *testing.F) {
	for text := range quickCases {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if text, ok := frontOf("---\n" + text + "\n---\n"); ok {
			sameAsLibrary(t, text)
		}
	})
}

// TestParse_Allocations: a usual spec is read with few allocations, whatever
// else the machine does. With only the library it takes more than 500.
func TestParse_Allocations(t *testing.T) {
	src := sample(t)
	Parse("x.md", src)
	if n := testing.AllocsPerRun(50, func() { Parse("x.md", src) }); n > 60 {
		t.Errorf("%v allocations", n)
	}
}

// TestParse_ReusesNodes: a document keeps its content when the nodes it was
// read from are reused.
func TestParse_ReusesNodes(t *testing.T) {
	t.Parallel()
	first, second := sample(t), []byte("---\nname: other\ntags: [x]\nparams:\n  - name: p\n    desc: q\n---\n")
	_, root := readFront("x.md", first, nil)
	want := fmt.Sprint(plainTree(root))
	d := Parse("x.md", first)
	kept := fmt.Sprint(d.Spec, d.entries, d.Problems)
	for range 10 {
		Parse("y.md", second)
	}
	if got := fmt.Sprint(d.Spec, d.entries, d.Problems); got != kept {
		t.Errorf("was %s, is %s", kept, got)
	}
	if _, again := readFront("x.md", first, nil); fmt.Sprint(plainTree(again)) != want {
		t.Error("read differently the second time")
	}
}
