package spec

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"regexp"
	"strings"
	"testing"
)

// styles are ways to write a value of each type, with @ where comments may be.
var styles = map[Type][]string{
	TypeString: {" x", " x @", " 'it''s' @", ` "a \"# b" @`, " @\n  x", "\n  @\n  x y", " one\n  two\n\n   three", " 'one\n  # two'", ` "one` + "\n\n  " + `two\` + "\n  three\" @",
		" | @\n  one\n   # two\n\n  three\n", " >-\n    one\n\n", " |+\n  one\n\n\n", " |2-\n    one", " >\n", " @", "", " ~ @", ` ""`, " |\n\n\n  one\n  \n"},
	TypeBool:   {" true", " false @", " 'true' @", "\n  true", " @"},
	TypeNumber: {" 1", " 8.7 @", " x", " @\n  2"},
	TypeList: {" []", " [a]", " [ a , b,c ] @", " ['a', \"b\",]", " [a,\n  b, @\n  @\n  'c'\n  @\n] @", " [\n]", " ['a]', \"b]\", c]", " [a, # ]\n  'b\n  ]']", "\n- a\n- b @", " @\n  @\n  - a @\n  @\n  - \"b\"\n\n  - c d @\n  @", "\n- |\n  a\n- >-\n   b\n\n-\n  c\n- @\n  d",
		"\n-\n- a\n- @\n", " a, b", "\n  -   a\n      b\n  - 'c\n    d' @", " [[a], {b: c}, d: e, f]", "\n- - a\n  - b\n- c: d\n  e: f\n- g"},
	TypeParams: {" []", " @", "\n  - name: a\n    desc: b", " @\n  @\n  - name: a @\n    @\n    desc: 'b' @\n    unit: c @\n  @\n  - desc: |\n      d\n\n    name: e\n", " [{name: a, desc: b}] @", " [{desc: 'x, y', name: \"b\" },\n  @\n  {name: a, desc: }, @\n  c]",
		"\n- name: b\n- name: a\n  desc:\n- name: c\n  desc: @", "\n- {name: a, desc: b} @\n- name: c\n  desc: >\n   d\n   e\n- x", "\n  -\n    name: a\n    desc:\n      b", " x"},
}

var unknown = []string{"odd: ['}',\n  a]\n", "odd: [x, {y: 'z}'}] @\n", "odd:\n  - - - a\n    - b: |\n        c\n  -\n", "odd: &x\n", "odd: |+\n  x\n\n", "\"odd\": {a,\n  b: c} @\n", "odd: @\n  a: {b: \"}\", c: d#e}\n  f:\n  - g\n", "ödd: ü @\n"}

// generate writes frontmatter: keys in a mostly usual order, each in any style.
func generate(r *rand.Rand) string {
	var b strings.Builder
	n := 0
	comment := func(s string) string { // numbers the comments, or drops them
		for strings.Contains(s, "@") {
			c := ""
			if r.IntN(2) == 0 {
				n++
				c = fmt.Sprintf("# c%d", n)
			}
			s = strings.Replace(s, "@", c, 1)
		}
		return s
	}
	pick := func(list []string) string { return list[r.IntN(len(list))] }
	order := r.Perm(len(keys))
	for i := range keys {
		k := keys[i]
		if r.IntN(4) == 0 {
			k = keys[order[i]]
		}
		if strings.Contains(b.String(), "\n"+k.Name+":") || strings.HasPrefix(b.String(), k.Name+":") || r.IntN(3) == 0 {
			continue
		}
		b.WriteString(comment(k.Name + ":" + pick(styles[k.Type]) + "\n"))
		b.WriteString(comment(pick([]string{"", "", "", "\n", "@\n", "\n  @\n@\n"})))
		if r.IntN(12) == 0 {
			b.WriteString(comment(strings.Replace(pick(unknown), "odd", fmt.Sprintf("odd%d", i), 1)))
		}
	}
	return b.String()
}

var items = []string{"a", "b", "c", "d", "e", "c d", "x", "one\n", "a b", "c\n", "404", "new", "- n", "y: z", "x, y", "#", "", "d e\n"}

func randomValue(r *rand.Rand, k Key) any {
	text := func() string { return items[r.IntN(len(items))] }
	switch k.Type {
	case TypeBool:
		return r.IntN(2) == 0
	case TypeNumber:
		return float64(1 + r.IntN(9))
	case TypeList:
		list := []string{}
		for range r.IntN(5) {
			list = append(list, text())
		}
		return list
	case TypeParams:
		list := []Param{}
		for range r.IntN(4) {
			list = append(list, Param{text(), text()})
		}
		return list
	}
	return text()
}

var commentMark = regexp.MustCompile(`# c\d+\b`)

// TestSet_Generated covers what a fuzzer takes long to find: every style of
// every type, combined with every other.
func TestSet_Generated(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(1, 2))
	const rounds = 1000
	changed := 0
	for i := range rounds {
		text := generate(r)
		if i%5 == 0 {
			text = "  " + strings.TrimSuffix(strings.ReplaceAll(text, "\n", "\n  "), "  ")
		}
		src := "---\n" + text + "---\nbody\n"
		if i%3 == 0 {
			src = strings.ReplaceAll(src, "\n", "\r\n")
		}
		changes := map[string]any{}
		lists := false
		for _, k := range keys {
			if r.IntN(4) == 0 {
				changes[k.Name] = randomValue(r, k)
				lists = lists || k.Type == TypeList || k.Type == TypeParams
			}
		}
		if !checkSet(t, []byte(src), changes) {
			continue
		}
		changed++
		if !lists { // a comment may only disappear with its element
			edits, _ := Parse("x.md", []byte(src)).Set(changes)
			out := Apply([]byte(src), edits)
			_, root := readFront("x.md", []byte(src), nil)
			content := fmt.Sprint(plainTree(root)) // text that looks like a comment
			for _, c := range commentMark.FindAll([]byte(src), -1) {
				if !bytes.Contains(out, c) && !strings.Contains(content, string(c)) {
					t.Errorf("comment %s is gone\n%s\n%s", c, src, out)
				}
			}
		}
		if t.Failed() {
			t.Fatalf("round %d\n%q\n%#v", i, src, changes)
		}
	}
	if changed < rounds*8/10 {
		t.Errorf("only %d of %d documents could be changed", changed, rounds)
	}
}
