package stream_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math"
	"strings"
	"testing"
	"testing/iotest"

	"fnregistry.dev/functions/core"
	"fnregistry.dev/functions/infra/stream"
)

// readAll formats each line as "text", with "+n" for dropped bytes and "..."
// for a partial one.
func readAll(t *testing.T, r io.Reader, limit int) (lines []string, err error) {
	t.Helper()
	h, err := stream.LineRead(r, stream.LineReadConfig{MaxBytes: limit})
	if err != nil {
		t.Fatal(err)
	}
	for {
		line, err := h.Next()
		if err != nil {
			if _, again := h.Next(); again != err {
				t.Errorf("after %v comes %v", err, again)
			}
			return lines, err
		}
		text := fmt.Sprintf("%q", line.Text)
		if line.Dropped > 0 {
			text += fmt.Sprint("+", line.Dropped)
		}
		if line.Partial {
			text += "..."
		}
		lines = append(lines, text)
	}
}

func TestLineRead_Lines(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"":                 ``,
		"a":                `"a"...`,
		"a\n":              `"a"`,
		"a\nb":             `"a" "b"...`,
		"a\r\nb\r\n":       `"a" "b"`,
		"\n\n":             `"" ""`,
		"\r\n":             `""`,
		"a\rb\n":           `"a\rb"`,
		"12345\n":          `"12345"`,
		"12345\r\nx\n":     `"12345" "x"`,
		"123456\nx\n":      `"12345"+1 "x"`,
		"1234567\nx\n":     `"12345"+2 "x"`,
		"12345678\nx\n":    `"12345"+3 "x"`,
		"12345":            `"12345"...`,
		"12345678":         `"12345"+3...`,
		"\xff\x00\n":       `"\xff\x00"`,
		"123456789\n\n1\n": `"12345"+4 "" "1"`,
	} {
		for name, r := range map[string]io.Reader{"whole": strings.NewReader(in), "byte by byte": iotest.OneByteReader(strings.NewReader(in))} {
			lines, err := readAll(t, r, 5)
			if got := strings.Join(lines, " "); got != want || err != io.EOF {
				t.Errorf("%q %s: %s, %v, want %s", in, name, got, err, want)
			}
		}
	}
}

// Lines that are longer than any buffer are dropped without being held.
func TestLineRead_HugeLine(t *testing.T) {
	t.Parallel()
	const size = 50 << 20
	huge := io.MultiReader(io.LimitReader(zeros{}, size), strings.NewReader("\nnext\n"))
	lines, err := readAll(t, huge, 4)
	if want := fmt.Sprintf(`"0000"+%d "next"`, size-4); strings.Join(lines, " ") != want || err != io.EOF {
		t.Errorf("%v, %v", lines, err)
	}
}

type zeros struct{}

func (zeros) Read(buf []byte) (int, error) {
	for i := range buf {
		buf[i] = '0'
	}
	return len(buf), nil
}

func TestLineRead_Errors(t *testing.T) {
	t.Parallel()
	broken := errors.New("connection reset")
	lines, err := readAll(t, io.MultiReader(strings.NewReader("a\nb"), iotest.ErrReader(broken)), 0)
	if got := strings.Join(lines, " "); got != `"a" "b"...` || err != broken {
		t.Errorf("%s, %v", got, err)
	}
	if _, err := stream.LineRead(nil, stream.LineReadConfig{MaxBytes: -1}); core.ErrorCode(err) != core.CodeInvalid {
		t.Error(err)
	}
}

// A line's text belongs to the caller: the next line does not change it.
func TestLineRead_TextStays(t *testing.T) {
	t.Parallel()
	h, err := stream.LineRead(strings.NewReader("first\nsecond\n"), stream.LineReadConfig{})
	if err != nil {
		t.Fatal(err)
	}
	first, _ := h.Next()
	second, _ := h.Next()
	if string(first.Text) != "first" || string(second.Text) != "second" {
		t.Errorf("%q, %q", first.Text, second.Text)
	}
}

// A limit so large that it stands for none keeps lines whole.
func TestLineRead_LargestLimit(t *testing.T) {
	t.Parallel()
	h, err := stream.LineRead(strings.NewReader("one\r\ntwo"), stream.LineReadConfig{MaxBytes: math.MaxInt})
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"one", "two"} {
		if line, err := h.Next(); err != nil || string(line.Text) != want || line.Dropped != 0 {
			t.Errorf("%+v, %v, want %s", line, err, want)
		}
	}
}

func FuzzLineRead(f *testing.F) {
	f.Add([]byte("a\r\nbcdef\n\ng"), uint8(3))
	f.Fuzz(func(t *testing.T, in []byte, limit uint8) {
		h, err := stream.LineRead(bytes.NewReader(in), stream.LineReadConfig{MaxBytes: int(limit) + 1})
		if err != nil {
			t.Fatal(err)
		}
		want := bytes.Split(in, []byte("\n"))
		if len(want[len(want)-1]) == 0 {
			want = want[:len(want)-1]
		}
		for i := 0; ; i++ {
			line, err := h.Next()
			if err == io.EOF {
				if i != len(want) {
					t.Errorf("%d lines, want %d", i, len(want))
				}
				return
			}
			if i >= len(want) || !bytes.HasPrefix(want[i], line.Text) || len(line.Text) > int(limit)+1 {
				t.Fatalf("line %d: %q", i, line.Text)
			}
			total := len(line.Text) + int(line.Dropped)
			if rest := len(want[i]) - total; rest != 0 && rest != 1 || rest == 1 && want[i][len(want[i])-1] != '\r' {
				t.Errorf("line %d: %q and %d dropped of %q", i, line.Text, line.Dropped, want[i])
			}
		}
	})
}
