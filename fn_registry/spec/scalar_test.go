package spec

import "testing"

// TestScalars: how a text is written as a value of its own, and as an item of a
// list in brackets if that differs.
func TestScalars(t *testing.T) {
	t.Parallel()
	for text, want := range map[string][2]string{
		"plain text": {"plain text"}, "a.b/c": {"a.b/c"}, "é ü": {"é ü"}, "a": {"a"}, "a-b": {"a-b"}, "it's": {"it's"}, "1.2.3": {"1.2.3"}, "v1": {"v1"}, "1 apple": {"1 apple"}, "3rd": {"3rd"},
		"a, b": {"a, b", `"a, b"`}, "a:b": {"a:b", `"a:b"`}, "a#b": {"a#b", `"a#b"`}, "a[0]": {"a[0]", `"a[0]"`}, "a{}": {"a{}", `"a{}"`}, "why?": {"why?", `"why?"`},
		"":     {`""`},
		"a: b": {`"a: b"`}, "a #b": {`"a #b"`}, "a:": {`"a:"`}, " a": {`" a"`}, "a ": {`"a "`},
		"- a": {`"- a"`}, "?a": {`"?a"`}, "'a'": {`"'a'"`}, `"a"`: {`"\"a\""`}, "*a": {`"*a"`}, "~": {`"~"`}, ".5": {`".5"`}, "`a": {"\"`a\""}, "%a": {`"%a"`}, "@a": {`"@a"`}, "<<": {`"<<"`}, "=": {`"="`}, "|": {`"|"`}, ">a": {`">a"`}, "!a": {`"!a"`}, "&a": {`"&a"`},
		"true": {`"true"`}, "NO": {`"NO"`}, "y": {`"y"`}, "Null": {`"Null"`}, "off": {`"off"`}, "offer": {"offer"}, "nullable": {"nullable"},
		"1": {`"1"`}, "0": {`"0"`}, "9": {`"9"`}, "1.2": {`"1.2"`}, "1e3": {`"1e3"`}, "0x1F": {`"0x1F"`}, "2020-01-02": {`"2020-01-02"`}, "12:30": {`"12:30"`}, "+1": {`"+1"`}, "1_000": {`"1_000"`}, "1.2.": {"1.2."}, "0o17": {`"0o17"`},
		"a\\b": {`a\b`}, "a\nb": {`"a\nb"`}, "a\tb": {`"a\tb"`}, "a\rb": {`"a\rb"`}, "\x00\x1f": {`"\x00\x1F"`}, "a\x7fb": {`"a\x7Fb"`}, "a~b": {"a~b"},
		"a\u0080\u009f": {`"a\x80\x9F"`}, "a\u00a0b": {`"a\u00A0b"`}, "a\u2028b": {`"a\u2028b"`}, "a\uffffb": {`"a\uFFFFb"`}, "a\U000e0001b": {`"a\U000E0001b"`}, "a\U0001F600": {"a\U0001F600"},
		"\"\\": {`"\"\\"`}, "a\n\"\\": {`"a\n\"\\"`}, "\u00a1": {"\u00a1"},
	} {
		if got := blockScalar(text); got != want[0] {
			t.Errorf("%q is written %s, want %s", text, got, want[0])
		}
		item := want[1]
		if item == "" {
			item = want[0]
		}
		if got := flowScalar(text); got != item {
			t.Errorf("%q as an item is written %s, want %s", text, got, item)
		}
	}
}
