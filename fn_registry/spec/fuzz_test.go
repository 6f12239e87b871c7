package spec

import (
	"bytes"
	"errors"
	"reflect"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"
)

// seeds are malformed specs, and some valid ones.
func seeds(tb testing.TB) []string {
	good := string(sample(tb))
	return []string{
		good, strings.ReplaceAll(good, "\n", "\r\n"), "\ufeff" + good, good[:300], good[300:],
		"", "---", "---\n", "\ufeff# README\n", "---\n---", "---\n---\n", "# README\n", "---\n{name: x, tags: [a]}\n---\n",
		"---\nname: x\nname: y\n---\n", "---\na: &a [x]\nb: *a\n---\n", "---\na: &a [*a]\n---\n", "---\n? [a]\n: b\n---\n",
		"---\nname: \"x\n---\n", "---\nname: [a,\n---\n", "---\n\tname: x\n---\n", "---\na: b: c\n---\n", "---\n- a\n---\n",
		"---\nname: x\n...\nkind: y\n---\n", "---\nname: x\n--- z\nkind: y\n---\n", "---\nname: a\x00b\n---\n", "---\nname: \xff\n---\n",
		"---\nname: a\u2028b\n---\n", "---\nname: a\rkind: b\n---\n", "\xff\xfe-\x00-\x00-\x00", "---\n%YAML 1.1\n---\n",
		"---\ntags:\n- a # b\n# c\n- 'd''e'\n-\nrun: x\n---\n", "---\ntags: [\n  a, # b\n  # c\n  \"d\\\"e\"\n  ] # f\n---\n",
		"---\noutput: |+\n  a\n\n\n# b\nrun: >2-\n    c\n---\n", "---\noutput: a\n  b #c\n  # d\n---\n", "---\noutput:\n\n  # a\n  b\n---\n",
		"---\nparams: # a\n  # b\n  - name: c # d\n    # e\n    desc: f\n    unit: g\n  - {desc: h, name: i}\n  - name: j\n---\n",
		"---\nparams: [{name: a, desc: \"b\"}, {name: c}, d]\n---\n", "---\nodd:\n  - - - a\n    - b: |\n        c\n  -\nname: x\n---\n",
		"---\n  name: x\n  tags: []\n---\n", "---\n\"name\" : x\n'kind': app\n---\n", "---\nname: !!str 5\n---\n", "---\nété: x\nname: ü # ö\n---\n",
		"---\nkind: app\nbinary_mb_max: .5\nrun: ~\n---\n", "---\nkind: app\nbinary_mb_max: 1e400\n---\n", "---\n: x\n---\n", "---\nx: ? y\n---\n",
		good + "\n## Example\n```go\n", good + "\n#\n####### x\n~~~\n```\n~~~\n<!-- ", "---\na: [b?c, :d, e: f, {g}]\nname: x\n---\n",
	}
}

func FuzzParse(f *testing.F) {
	for _, s := range seeds(f) {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, src []byte) {
		d := Parse("x.md", src)
		lines := bytes.Split(src, []byte("\n"))
		inside := func(p Pos) bool {
			return p.Line >= 1 && p.Line <= len(lines) && p.Column >= 1 && p.Column <= len(lines[p.Line-1])+1
		}
		for _, p := range d.Problems {
			if p.Rule == "" || p.Message == "" || !inside(p.Pos) {
				t.Errorf("problem without a place in the file: %+v", p)
			}
		}
		if len(d.Problems) == 0 && d.Spec.Name == "" {
			t.Error("no name and no problem")
		}
		if !IsSpec(src) && len(d.Problems) != 1 {
			t.Errorf("not a spec, %d problems", len(d.Problems))
		}
		for _, k := range keys {
			for i := -1; i < 3; i++ {
				if p := d.ItemPos(k.Name, i); !inside(p) {
					t.Errorf("%s %d at %+v", k.Name, i, p)
				}
			}
			if p := d.KeyPos(k.Name); d.Has(k.Name) && !bytes.Contains([]byte(`'"`+k.Name[:1]), src[offsetOf(lines, p):][:1]) {
				t.Errorf("%s is not at %+v", k.Name, p)
			}
		}
		checkSections(t, d, lines)
		checkFixEncoding(t, d, src)
	})
}

func offsetOf(lines [][]byte, p Pos) int {
	off := p.Column - 1
	for _, l := range lines[:p.Line-1] {
		off += len(l) + 1
	}
	return off
}

func checkSections(t *testing.T, d *Document, lines [][]byte) {
	for _, s := range d.Body.Sections {
		if s.Level > 0 && lines[s.Pos.Line-1][s.Pos.Column-1] != '#' {
			t.Errorf("heading %q is not at %+v", s.Heading, s.Pos)
		}
		for _, c := range s.Code {
			first, _, _ := strings.Cut(c.Text, "\n")
			if c.Text != "" && !bytes.HasPrefix(lines[c.Pos.Line-1][c.Pos.Column-1:], []byte(first)) {
				t.Errorf("code %q is not at %+v", first, c.Pos)
			}
		}
	}
}

func checkFixEncoding(t *testing.T, d *Document, src []byte) {
	if len(src) > MaxSize {
		return
	}
	fixed := Parse("x.md", Apply(src, d.FixEncoding()))
	for _, p := range fixed.Problems {
		if p.Rule == RuleEncoding && (strings.Contains(p.Message, "CRLF") || strings.Contains(p.Message, "starts with a byte order mark")) {
			if !bytes.Contains(src, []byte("\r\r\n")) && !bytes.HasPrefix(src, []byte("\ufeff\ufeff")) {
				t.Errorf("still there: %+v", p)
			}
		}
	}
	if !reflect.DeepEqual(fixed.Spec, d.Spec) && len(d.Problems) == len(fixed.Problems) {
		t.Errorf("the fix changed the spec: %+v, %+v", d.Spec, fixed.Spec)
	}
}

// values makes a value for each of some keys from a text: one item per line.
func values(mask uint32, text string) map[string]any {
	changes := map[string]any{}
	lines := strings.Split(text, "\n")
	for i, k := range keys {
		if mask&(1<<i) == 0 {
			continue
		}
		switch k.Type {
		case TypeString:
			changes[k.Name] = text
		case TypeBool:
			changes[k.Name] = len(text)%2 == 0
		case TypeNumber:
			changes[k.Name] = float64(len(text)) + 0.5
		case TypeList:
			changes[k.Name] = lines[1:]
		case TypeParams:
			params := []Param{}
			for _, l := range lines[1:] {
				name, desc, _ := strings.Cut(l, "=")
				params = append(params, Param{name, desc})
			}
			changes[k.Name] = params
		}
	}
	return changes
}

func FuzzSet(f *testing.F) {
	for i, s := range seeds(f) {
		f.Add([]byte(s), uint32(1<<(i%len(keys))), "x")
		f.Add([]byte(s), ^uint32(0), "a\nb\nctx\nd=e: f\nc=f\nmautrix\n404\n- #x")
		f.Add([]byte(s), uint32(0x5208), "")
	}
	f.Fuzz(func(t *testing.T, src []byte, mask uint32, text string) {
		checkSet(t, src, values(mask, text))
	})
}

// checkSet checks the guarantees of Set, whether the source is a spec or not.
// It reports whether the source could be changed.
func checkSet(t *testing.T, src []byte, changes map[string]any) bool {
	t.Helper()
	d := Parse("x.md", src)
	edits, err := d.Set(changes)
	if err != nil {
		if strings.Contains(err.Error(), "the result would") {
			t.Fatalf("the writer damaged the file: %v\n%q\n%#v", err, src, changes)
		}
		if !errors.Is(err, ErrNotEditable) && !errors.Is(err, ErrValue) {
			t.Fatal(err)
		}
		return false
	}
	for i, e := range edits {
		if e.Start > e.End || i > 0 && e.Start < edits[i-1].End || e.End > len(src) {
			t.Fatalf("edits out of order: %+v", edits)
		}
	}
	out := Apply(src, edits)
	after := Parse("x.md", out)
	for key, want := range changes {
		if got := valueOf(after.Spec.field(key)); !equalValue(after.Spec.field(key), want) || !after.Has(key) {
			t.Errorf("%s = %#v, want %#v", key, got, want)
		}
	}
	if after.Body.Text != d.Body.Text {
		t.Error("the body changed")
	}
	sameOthers(t, src, out, changes)
	if again, err := after.Set(changes); err != nil || len(again) != 0 {
		t.Errorf("again: %v %v", again, err)
	}
	return true
}

// sameOthers checks with only the YAML library that all other keys keep their
// values and their order.
func sameOthers(t *testing.T, src, out []byte, changes map[string]any) {
	others := func(text []byte) (list []any) {
		p, _ := readFront("x.md", text, nil)
		var m yaml.Node
		if err := yaml.Unmarshal(text[p.front.start:p.front.end], &m); err != nil {
			t.Fatal(err)
		}
		if len(m.Content) == 0 {
			return nil
		}
		root := m.Content[0]
		for i := 0; i+1 < len(root.Content); i += 2 {
			if _, changed := changes[root.Content[i].Value]; !changed {
				list = append(list, root.Content[i].Value, plainTree(root.Content[i+1]))
			}
		}
		return list
	}
	if before, after := others(src), others(out); !reflect.DeepEqual(before, after) {
		t.Errorf("other keys changed: %v, then %v", before, after)
	}
}

// plainTree is a node without its position and comments.
func plainTree(n *yaml.Node) any {
	tree := []any{n.Kind, n.Tag, n.Value, n.Style}
	for _, c := range n.Content {
		tree = append(tree, plainTree(c))
	}
	return tree
}
