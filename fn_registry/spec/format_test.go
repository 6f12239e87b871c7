package spec

import (
	"bytes"
	"reflect"
	"strings"
	"testing"
)

// TestFormat_Sample rewrites the design's example, byte for byte except for
// quotes that YAML does not need.
func TestFormat_Sample(t *testing.T) {
	t.Parallel()
	src := sample(t)
	d := Parse("x.md", src)
	plain := strings.NewReplacer(`output: "`, "output: ", `channels)."`, "channels).")
	if got := Format(&d.Spec, d.Body.Text); string(got) != plain.Replace(string(src)) {
		t.Errorf("got\n%s", got)
	}
}

func TestFormat_App(t *testing.T) {
	t.Parallel()
	d := Parse("x.md", []byte(app))
	if got := Format(&d.Spec, ""); string(got) != app {
		t.Errorf("got\n%s", got)
	}
}

func TestFormat_Zero(t *testing.T) {
	t.Parallel()
	src := Format(&Spec{Kind: KindType}, "\n\n# x")
	if bytes.Contains(src, []byte("params")) || !bytes.HasSuffix(src, []byte("---\n\n# x\n")) {
		t.Errorf("got\n%s", src)
	}
	if d := Parse("x.md", src); strings.Contains(problems(d), "yaml") || d.Spec.Kind != KindType {
		t.Errorf("%s", problems(d))
	}
	if d := Parse("x.md", Format(&Spec{}, "")); !d.Has("params") {
		t.Error("a spec without a kind lacks a function's keys")
	}
}

// FuzzFormat checks that whatever text is written can be read back.
func FuzzFormat(f *testing.F) {
	for _, s := range []string{"", "x", "a: b", "# x", "yes", "1.0", "0x1p-2", "2020-01-01T00:00:00Z", "'", `"\`, "a\nb\t", " x ", "[", "- a", "é\u0085\u2028\ufeff\ufffe\U000e0001",
		"~", "null", "<<", "=", "1_000", "1:30", ".inf", "+.5", "0b1", "-", "?", "? a", "a #b", "a:", "---", "...", "&a", "*a", "!a", "%a", "@a", "`a", "a, b", "a]", "x?", "\x80"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if len(text) > MaxFrontmatter/64 {
			return // it is used in nine places, and a character may need six bytes: Parse would refuse the size
		}
		list := strings.Split(strings.ToValidUTF8(text, "\uFFFD"), ",")
		s := strings.Join(list, ",")
		want := Spec{
			Kind:        KindFunction,
			Name:        text,
			Lang:        text,
			Description: text,
			Signature:   text,
			Tags:        list,
			Params:      []Param{{text, text}},
			Tests:       list,
			ErrorType:   text,
		}
		d := Parse("x.md", Format(&want, text))
		clean := want
		clean.Name, clean.Lang, clean.Description, clean.Signature, clean.ErrorType, clean.Params = s, s, s, s, s, []Param{{s, s}}
		for _, p := range []*[]string{&clean.UsesFunctions, &clean.UsesTypes, &clean.Returns, &clean.Imports, &clean.BuildTags} {
			*p = []string{}
		}
		if !reflect.DeepEqual(d.Spec, clean) {
			t.Errorf("got %#v\nwant %#v\n%s", d.Spec, clean, problems(d))
		}
	})
}
