package page

import (
	"strings"
	"testing"
)

func TestPageLogLines_Colours(t *testing.T) {
	t.Parallel()
	for line, want := range map[string]string{
		"plain":                                         "plain",
		"\x1b[31mred\x1b[0m not":                        `<span class="a1">red</span> not`,
		"\x1b[1;4;92mall\x1b[22mless":                   `<span class="a2 b u">all</span><span class="a2 u">less</span>`,
		"\x1b[2;3mx\x1b[23my\x1b[my":                    `<span class="f i">x</span><span class="f">y</span>y`,
		"\x1b[38;5;9mbright\x1b[39m":                    `<span class="a1">bright</span>`,
		"\x1b[38;5;200mother":                           "other",
		"\x1b[38;2;1;2;3;1mbold":                        `<span class="b">bold</span>`,
		"\x1b[48;5;1mground\x1b[31mred":                 `ground<span class="a1">red</span>`,
		"\x1b[2K\x1b[1Gprogress":                        "progress",
		"\x1b]0;title\aafter":                           "after",
		"\x1b]8;;http://x\x1b\\link":                    "link",
		"\x1b[31":                                       "",
		"\x1b":                                          "",
		"\x1b[?;31mred":                                 `<span class="a1">red</span>`,
		"\x1b[38mnothing":                               "nothing",
		"\x1b[31m<script>&":                             `<span class="a1">&lt;script&gt;&amp;</span>`,
		"a\rb\x00c\x07\td\u202ee\u2066":                 "abc\tde",
		"\x1b(Bcharset":                                 "Bcharset",
		"שלום":                                          "שלום",
		"\x1b[999999999999999999999mx":                  "x",
		"\x1b[31m" + strings.Repeat("\x1b[1m", 3) + "x": `<span class="a1 b">x</span>`,
	} {
		if got := render(t, PageLogLines([]string{line})); got != `<span class="row">`+want+"</span>" {
			t.Errorf("%q is %s, want %s", line, got, want)
		}
	}
}

func TestPageLogLines_EachForItself(t *testing.T) {
	t.Parallel()
	got := render(t, PageLogLines([]string{"\x1b[31mred", "plain"}))
	if want := `<span class="row"><span class="a1">red</span></span><span class="row">plain</span>`; got != want {
		t.Error(got)
	}
}

func FuzzPageLogLines(f *testing.F) {
	f.Add("\x1b[31mred\x1b]x\x1b[38;5")
	f.Fuzz(func(t *testing.T, line string) {
		got := render(t, PageLogLines([]string{line}))
		if strings.Contains(got, "\x1b") || strings.Count(got, "<") != strings.Count(got, ">") {
			t.Error(got)
		}
	})
}
