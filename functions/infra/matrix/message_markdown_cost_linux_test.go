package matrix_test

import (
	"fmt"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"fnregistry.dev/functions/infra/matrix"
)

// costly are texts of about so many bytes that are written to keep a parser of
// Markdown busy.
func costly(size int) map[string]string {
	texts := map[string]string{}
	for _, part := range []string{
		"[a](", "[*a](", "![a](", "[a](<", "[a](b \"", "[](", "[](<\n", "[", "![", "]", "[a][", "[a]", "[[a](b)", "[a]: x\n", "[a]: b \"\n",
		"*a_ ", "a_ b*", "*a **a ", "_a", "**", "~~a", "~a~~", "a**b", "*a_ b~~ ", "*a_\n", "*[",
		"> ", ">", "> > a\n", "- ", "* ", "1. ", "- 1. > ", "- - a\n", "- a\n  ", "\t", "# ", "a\n", "    a\n", "```\n",
		"<!--", "<!--\n", "<?", "<?\n", "<![CDATA[\n", "<!A ", "<a ", "<a b='", "<a\n", "</", "<", "<a@", "<http://",
		"`", "`a``", "&", "&#", "\\", "|", "|a", "a|b\n", "@a:b ", "![a](mxc://a/b)",
	} {
		texts[part] = strings.Repeat(part, size/len(part))
	}
	var backticks strings.Builder
	for i := 1; backticks.Len() < size; i++ {
		backticks.WriteString(strings.Repeat("`", i) + "a")
	}
	texts["backticks"] = backticks.String()
	third := size / 6
	texts["wide table"] = strings.Repeat("a|", third) + "\n" + strings.Repeat("-|", third) + "\n" + strings.Repeat("a\n", third)
	texts["quoted table"] = "> " + strings.Repeat("a|", third) + "\n> " + strings.Repeat("-|", third) + "\n" + strings.Repeat("> a\n", third/2)
	return texts
}

// threadTime is the processor time that this thread has had: the machine may
// have other work.
func threadTime(t testing.TB) time.Duration {
	t.Helper()
	var used syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_THREAD, &used); err != nil {
		t.Fatal(err)
	}
	return time.Duration(used.Utime.Nano() + used.Stime.Nano())
}

// No text that fits in an event takes long.
func TestMarkdown_Bounded(t *testing.T) {
	t.Parallel()
	const most = time.Second // the worst took 0.15 s, and 2.1 s and more before there was a bound
	for name, text := range costly(60_000) {
		t.Run(fmt.Sprintf("%q", name), func(t *testing.T) {
			runtime.LockOSThread()
			defer runtime.UnlockOSThread()
			began := threadTime(t)
			matrix.MessageHTML(text, true, "@a:b")
			if took := threadTime(t) - began; took > most {
				t.Errorf("%v for %d bytes", took, len(text))
			} else if took > 100*time.Millisecond {
				t.Logf("%v", took)
			}
		})
	}
}

// Long texts of a usual kind are rendered.
func TestMarkdown_LongTexts(t *testing.T) {
	t.Parallel()
	for name, part := range map[string]string{
		"words in bold": "some **words** in _this_ text that goes on and on, for a paragraph without an end. ",
		"links":         "see [the page about it](https://example.org/a/page) and what follows from that in all its length, ",
		"list":          "- **item** with [a link](https://example.org/a/page) and `code`\n",
		"paragraphs":    "A *paragraph* with [a link](https://example.org).\n\n",
		"code":          "    for i := range a[i](b) { *p_ }\n",
	} {
		text := strings.Repeat(part, 20_000/len(part))
		if name == "code" {
			text = "```\n" + text + "```"
		}
		if matrix.MarkdownHTML(t, text) == "" {
			t.Errorf("%s: a text of %d bytes is not rendered", name, len(text))
		}
	}
	table := "| a | b | c |\n|---|---|---|\n" + strings.Repeat("| one | two | three |\n", 800)
	if html := matrix.MarkdownHTML(t, table); strings.Count(html, "<td>") != 2400 {
		t.Errorf("the table has %d cells", strings.Count(html, "<td>"))
	}
}

// FuzzMarkdownCost repeats a part until the text is as long as an event may be.
func FuzzMarkdownCost(f *testing.F) {
	for part := range costly(1) {
		f.Add(part, "")
		f.Add(part, "\n"+part)
	}
	f.Fuzz(func(t *testing.T, part, end string) {
		if len(part)+len(end) > 200 || part == "" {
			return
		}
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		began := threadTime(t)
		matrix.MessageHTML(strings.Repeat(part, 50_000/len(part))+end, true, "@a:b")
		if took := threadTime(t) - began; took > 2*time.Second {
			t.Errorf("%v", took)
		}
	})
}

// Markdown to HTML, over growing sizes: what the time for a byte grows by.
func BenchmarkMarkdownGrowth(b *testing.B) {
	for _, name := range []string{"[a](", "*a_ ", "> ", "a\n", "![a](mxc://a/b)"} {
		for _, size := range []int{1_000, 4_000, 16_000, 60_000} {
			text := costly(size)[name]
			b.Run(fmt.Sprintf("%q/%d", name, size), func(b *testing.B) {
				b.SetBytes(int64(len(text)))
				for b.Loop() {
					matrix.MessageHTML(text, true)
				}
			})
		}
	}
}
