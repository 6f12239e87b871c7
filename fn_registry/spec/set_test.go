package spec

import (
	"errors"
	"strings"
	"testing"
)

// front wraps lines of frontmatter.
func front(lines string) string {
	return "---\n" + lines + "---\n\nbody: untouched\n"
}

func TestSet(t *testing.T) {
	t.Parallel()
	type m = map[string]any
	for _, tc := range []struct {
		name, src string
		set       m
		want      string
	}{
		{"scalar keeps its comment", "version: 0.1.0 # now\n", m{"version": "0.2.0"}, "version: 0.2.0 # now\n"},
		{"equal value, no edit", "version:   '0.1.0'\n", m{"version": "0.1.0"}, "version:   '0.1.0'\n"},
		{"signature is quoted", "signature: type T struct\n", m{"signature": "type U struct"}, "signature: \"type U struct\"\n"},
		{"quotes where YAML needs them", "output: x\n", m{"output": "a: b # c"}, "output: \"a: b # c\"\n"},
		{"control characters", "output: x\n", m{"output": "\u2028\ufeff\x00\U0001F600"}, "output: \"\\u2028\\uFEFF\\x00\U0001F600\"\n"},
		{"empty text", "error_type: error_go_core\n", m{"error_type": ""}, "error_type: \"\"\n"},
		{"over several lines", "output: one\n  two\n\n  three # c\nrun: x\n", m{"output": "z"}, "output: z # c\nrun: x\n"},
		{"on the next line", "output: # c\n  # more\n  one\nrun: x\n", m{"output": "z"}, "output: z # c\n  # more\nrun: x\n"},
		{"block scalar", "output: |- # c\n  one\n   # not a comment\n\n  two\n\n# about run\nrun: x\n", m{"output": "z"}, "output: z # c\n\n# about run\nrun: x\n"},
		{"block scalar that keeps empty lines", "output: |+\n  one\n\nrun: x\n", m{"purity": "pure"}, "purity: pure\noutput: |+\n  one\n\nrun: x\n"},
		{"insert behind a block scalar that keeps empty lines", "output: |+\n  one\n\nrun: x\n", m{"tested": true}, "output: |+\n  one\n\ntested: true\nrun: x\n"},
		{"quoted with a hash on the last line", "output: \"a\n  # b\" # c\nrun: x\n", m{"output": "z"}, "output: z # c\nrun: x\n"},
		{"bool and number", "tested: yes\nbinary_mb_max: 1\n", m{"tested": true, "binary_mb_max": 8.7}, "tested: true\nbinary_mb_max: 8.7\n"},
		{"value of the wrong type", "tags: a, b\n", m{"tags": []string{"a", "b"}}, "tags: [a, b]\n"},
		{"no value", "imports: # none yet\nrun: x\n", m{"imports": []string{"a.b/c"}}, "imports: [a.b/c] # none yet\nrun: x\n"},
		{"no value, parameters", "params: # none yet\nrun: x\n", m{"params": []Param{{"a", "b"}}}, "params: # none yet\n  - name: a\n    desc: b\nrun: x\n"},
		{"empty list, parameters", "params: [] # none\nrun: x\n", m{"params": []Param{{"a", "b"}}}, "params: # none\n  - name: a\n    desc: b\nrun: x\n"},

		{"a hash within a word", "output: a#b #\nrun: x\n", m{"output": "z"}, "output: z #\nrun: x\n"},
		{"a comment behind tabs", "output: one\t# c\nrun: x\n", m{"output": "z"}, "output: z\t# c\nrun: x\n"},
		{"a comment on the last of several lines", "output: one\n  two#three\n  four # c\nrun: x\n", m{"output": "z"}, "output: z # c\nrun: x\n"},
		{"a comment line ends a text", "output: one\n  # c\nrun: x\n", m{"output": "z"}, "output: z\n  # c\nrun: x\n"},
		{"a text at the end", "name: x\noutput: one\n  two\n\n", m{"output": "z"}, "name: x\noutput: z\n\n"},
		{"block scalar with an indentation", "output: |1-\n  one\n two\n# c\nrun: x\n", m{"output": "z"}, "output: z\n# c\nrun: x\n"},
		{"block scalar with empty lines first", "output: >\n\n   \n   one\n   two\n# c\nrun: x\n", m{"output": "z"}, "output: z\n# c\nrun: x\n"},
		{"block scalar that is empty", "output: |\nrun: x\n", m{"output": "z"}, "output: z\nrun: x\n"},
		{"flow list with a hash in words", "tags: [a#b, c # d\n  , e:f, g]\n", m{"tags": []string{"a#b", "e:f"}}, "tags: [\n  a#b,\n  e:f,\n]\n"},
		{"flow list with words of several parts", "tests: [one two , three  four]\n", m{"tests": []string{"one two", "five"}}, "tests: [one two, five]\n"},
		{"flow list with a quoted bracket", "tests: [\"a]\", 'b}', c]\n", m{"tests": []string{"a]", "c"}}, "tests: [\"a]\", c]\n"},
		{"flow list keeps quotes", "tags: ['a', \"b\",c ] # d\n", m{"tags": []string{"x", "b", "a"}}, "tags: [x, \"b\", 'a'] # d\n"},
		{"flow list to empty", "tags: ['a', b] # d\n", m{"tags": []string{}}, "tags: [] # d\n"},
		{"flow list needs quotes", "tests: []\n", m{"tests": []string{"a, b", "404", "a b", "yes", "-x", "x#", "a:b", "404 found"}}, "tests: [\"a, b\", \"404\", a b, \"yes\", \"-x\", \"x#\", \"a:b\", 404 found]\n"},
		{"flow list over lines", "tags: [\n  # first\n  a, # about a\n  b,\n  # last\n]\nrun: x\n", m{"tags": []string{"a", "c"}}, "tags: [\n  # first\n  a, # about a\n  c,\n  # last\n]\nrun: x\n"},
		{"block list", "tags:\n- a # about a\n# about b\n- \"b\"\n\n- c\n# about run\nrun: x\n", m{"tags": []string{"b", "d", "c"}}, "tags:\n# about b\n- \"b\"\n- d\n\n- c\n# about run\nrun: x\n"},
		{"block list to empty", "tags: # t\n  # about a\n  - a # b\n  # end\nrun: x\n", m{"tags": []string{}}, "tags: [] # t\n  # end\nrun: x\n"},
		{"block list keeps its indentation", "tags:\n    - a\n", m{"tags": []string{"b", "a"}}, "tags:\n    - b\n    - a\n"},

		{"params: change, add, remove", "params:\n  # about a\n  - name: a # n\n    # more\n    desc: 'one' # d\n  - desc: two\n    name: b\n  - {name: c, desc: three}\noutput: x\n",
			m{"params": []Param{{"a", "uno"}, {"c", "three"}, {"d", "four: x"}}},
			"params:\n  # about a\n  - name: a # n\n    # more\n    desc: uno # d\n  - {name: c, desc: three}\n  - name: d\n    desc: \"four: x\"\noutput: x\n"},
		{"params: renamed", "params:\n  - name: a # n\n    desc: \"one\"\n    unit: ms\n", m{"params": []Param{{"b", "one"}}}, "params:\n  - name: b # n\n    desc: \"one\"\n    unit: ms\n"},
		{"params: desc filled in", "params:\n  - name: a\n    unit: ms\n  - name: b\n    desc:\n", m{"params": []Param{{"a", "one"}, {"b", "two"}}}, "params:\n  - name: a\n    unit: ms\n    desc: one\n  - name: b\n    desc: two\n"},
		{"params: in brackets", "params: [{name: a, desc: 'x'}, {desc: y, name: b}]\n", m{"params": []Param{{"b", "y"}, {"a", "z"}, {"c", "w, v"}}}, "params: [{desc: y, name: b}, {name: a, desc: z}, {name: c, desc: \"w, v\"}]\n"},
		{"params: block desc", "params:\n  - name: a\n    desc: >\n      long\n      text\n\n  - name: b\n    desc: x\n", m{"params": []Param{{"a", "short"}, {"b", "x"}}}, "params:\n  - name: a\n    desc: short\n\n  - name: b\n    desc: x\n"},

		{"insert in order", "name: x # n\n# about run\nrun: x\n", m{"tested": true, "kind": "app", "lang": "go"}, "name: x # n\nkind: app\nlang: go\ntested: true\n# about run\nrun: x\n"},
		{"insert first", "# head\nrun: x\n", m{"name": "x"}, "name: x\n# head\nrun: x\n"},
		{"insert into nothing", "", m{"name": "x", "params": []Param{{"a", "b"}}}, "name: x\nparams:\n  - name: a\n    desc: b\n"},
		{"insert behind a list", "tags:\n- a # b\nrun: x\n", m{"output": "o"}, "tags:\n- a # b\noutput: o\nrun: x\n"},
		{"insert behind no value", "tags: # b\nrun: x\n", m{"output": "o"}, "tags: # b\noutput: o\nrun: x\n"},
		{"indented mapping", "  name: x\n  run: y\n", m{"kind": "app", "run": "z"}, "  name: x\n  kind: app\n  run: z\n"},
		{"quoted key", "\"name\" : x\n", m{"name": "z"}, "\"name\" : z\n"},
		{"unknown keys and odd values stay", "name: x\nodd: {a: [1, 'it''s', b\"c], d: \"}\"}\nodder:\n  - - 1\n    -\n  - ? no\nrun: y\n", m{"kind": "app"}, ""},
		{"unknown keys stay", "name: x\nodd: {a: [1, 'it''s', b\"c], d: \"}\"} # e\nodder:\n  - - 1\n    -\n  -\n    # f\n    g: |1\n      h\nrun: y\n", m{"kind": "app", "run": "z"},
			"name: x\nkind: app\nodd: {a: [1, 'it''s', b\"c], d: \"}\"} # e\nodder:\n  - - 1\n    -\n  -\n    # f\n    g: |1\n      h\nrun: z\n"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			for _, eol := range []string{"\n", "\r\n"} {
				src, want := strings.ReplaceAll(front(tc.src), "\n", eol), strings.ReplaceAll(front(tc.want), "\n", eol)
				d := Parse("x.md", []byte(src))
				edits, err := d.Set(tc.set)
				if tc.want == "" {
					if !errors.Is(err, ErrNotEditable) {
						t.Fatalf("err = %v", err)
					}
					continue
				}
				if err != nil {
					t.Fatal(err)
				}
				got := string(Apply([]byte(src), edits))
				if got != want {
					t.Errorf("got\n%s\nwant\n%s", got, want)
				}
				if again, err := Parse("x.md", []byte(got)).Set(tc.set); err != nil || len(again) != 0 {
					t.Errorf("again: %v, %v", again, err)
				}
			}
		})
	}
}

func TestSet_Refused(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name, src string
		key       string
		value     any
		want      error
		text      string
	}{
		{"unknown key", "---\nname: x\n---\n", "nmae", "x", ErrValue, `unknown key "nmae"`},
		{"wrong type", "---\nname: x\n---\n", "tags", "x", ErrValue, "tags takes a list, not a string"},
		{"no value", "---\nname: x\n---\n", "tags", nil, ErrValue, "tags takes a list"},
		{"zero size", "---\nname: x\n---\n", "binary_mb_max", 0.0, ErrValue, "must be above 0"},
		{"not UTF-8", "---\nname: x\n---\n", "tags", []string{"\xff"}, ErrValue, "is not UTF-8"},
		{"a long text that is not UTF-8", "---\nname: x\n---\n", "name", strings.Repeat("é", 99) + "\xff", ErrValue, "..."},
		{"key twice", "---\nname: x\nname: y\n---\n", "name", "z", ErrNotEditable, "the key name appears twice"},
		{"other key twice", "---\nname: x\nname: y\n---\n", "kind", "app", nil, ""},
		{"in braces", "---\n{name: x}\n---\n", "name", "z", ErrNotEditable, "one {...}"},
		{"no frontmatter", "# x\n", "name", "z", ErrNotEditable, "no frontmatter"},
		{"invalid", "---\nname: a: b\n---\n", "name", "z", ErrNotEditable, "invalid YAML"},
		{"anchor", "---\nname: &a b\n---\n", "name", "z", ErrNotEditable, "an anchor"},
		{"NUL", "---\nname: \x00\n---\n", "name", "z", ErrNotEditable, "a NUL byte"},
		{"too large", "---\nname: x\n---\n", "name", strings.Repeat("x", MaxFrontmatter), ErrNotEditable, "too large"},
	} {
		edits, err := Parse("x.md", []byte(tc.src)).Set(map[string]any{tc.key: tc.value})
		if !errors.Is(err, tc.want) || err != nil && (len(edits) > 0 || !strings.Contains(err.Error(), tc.text)) {
			t.Errorf("%s: %v, %v", tc.name, edits, err)
		}
	}
}

// TestSet_ReadsAgain checks that a caller's change of the Spec is not mistaken
// for the file's content.
func TestSet_ReadsAgain(t *testing.T) {
	t.Parallel()
	d := Parse("x.md", []byte("---\nname: x\n---\n"))
	d.Spec.Name = "y"
	if edits, err := d.Set(map[string]any{"name": "y"}); err != nil || len(edits) != 1 {
		t.Errorf("%v %v", edits, err)
	}
}

// TestVerify: edits that would damage a spec are refused, whatever caused them.
func TestVerify(t *testing.T) {
	t.Parallel()
	const src = "---\nname: x\nkind: app\nrun: y # why\ntags: [a]\n---\nbody\n"
	for _, c := range []struct{ old, new, want string }{
		{"run: y", "run: z", ""},
		{"run: y", "run: zz", "the result would not have that run"},
		{"run: y # why\n", "", "the result would not have that run"},
		{"run: y", "run: [z]", "the result would not have that run"},
		{"name: x\nkind: app\nrun: y", "name: w\nkind: app\nrun: z", "the result would change other keys"},
		{"kind: app\nrun: y", "run: z", "the result would change other keys"},
		{"kind: app\nrun: y", "kinds: app\nrun: z", "the result would change other keys"},
		{"name: x\nkind: app\nrun: y", "kind: app\nname: x\nrun: z", "the result would change other keys"},
		{"run: y # why\ntags: [a]", "run: z\ntags: [ a ]", "the result would change other keys"},
		{"run: y", "odd: 1\nrun: z", "the result would change other keys"},
		{"run: y", "run: z: z", "the result would not be a spec: "},
		{"run: y", "run: &z z", "the result would not be a spec: "},
		{"run: y", "run: z" + strings.Repeat(" ", MaxFrontmatter), "with the new values it would be too large"},
	} {
		read, root := readFront("x.md", []byte(src), nil)
		at := strings.Index(src, c.old)
		w := &writer{parser: read, root: root, edits: []Edit{{Start: at, End: at + len(c.old), New: c.new}}}
		err := w.verify(map[string]any{"run": "z"})
		if c.want == "" && err != nil || c.want != "" && (!errors.Is(err, ErrNotEditable) || !strings.Contains(err.Error(), c.want)) {
			t.Errorf("%q: %v, want %q", c.new[:min(len(c.new), 40)], err, c.want)
		}
	}
}
