package stream_test

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"

	"fnregistry.dev/functions/core"
	"fnregistry.dev/functions/infra/stream"
)

func TestTailBuffer_Keeps(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		cfg    stream.TailBufferConfig
		writes []string
		want   string
	}{
		"nothing":         {stream.TailBufferConfig{}, nil, `[] 0`},
		"lines":           {stream.TailBufferConfig{}, []string{"a\nb\n", "c"}, `["a" "b" "c"] 0`},
		"in parts":        {stream.TailBufferConfig{}, []string{"a", "b\n", "", "c", "\n", "\n"}, `["ab" "c" ""] 0`},
		"last lines":      {stream.TailBufferConfig{MaxLines: 2}, []string{"a\nb\nc\nd\n"}, `["c" "d"] 2`},
		"an open line":    {stream.TailBufferConfig{MaxLines: 2}, []string{"a\nb\nc"}, `["b" "c"] 1`},
		"last bytes":      {stream.TailBufferConfig{MaxBytes: 6}, []string{"abc\nde\nfg\n"}, `["de" "fg"] 1`},
		"a long line":     {stream.TailBufferConfig{MaxBytes: 5}, []string{"a\n1234567890\n"}, `["7890"] 1`},
		"a long open one": {stream.TailBufferConfig{MaxBytes: 4}, []string{"123", "456", "789"}, `["6789"] 0`},
		"after a long":    {stream.TailBufferConfig{MaxBytes: 5}, []string{"1234567890\n", "ab\n", "cd"}, `["ab" "cd"] 1`},
	} {
		h, err := stream.TailBuffer(c.cfg)
		if err != nil {
			t.Fatal(err)
		}
		for _, text := range c.writes {
			if n, err := h.Write([]byte(text)); n != len(text) || err != nil {
				t.Errorf("%s: wrote %d, %v", name, n, err)
			}
		}
		got := h.Content()
		if text := fmt.Sprintf("%q %d", got.Lines, got.Dropped); text != c.want {
			t.Errorf("%s: %s, want %s", name, text, c.want)
		}
	}
}

// However a stream is split into writes, the same last lines are kept.
func TestTailBuffer_AnyWrites(t *testing.T) {
	t.Parallel()
	for range 500 {
		seed := rand.Uint64()
		random := rand.New(rand.NewPCG(seed, 1))
		var text strings.Builder
		for range random.IntN(60) {
			text.WriteString(strings.Repeat("x", random.IntN(9)) + "\n")
		}
		text.WriteString(strings.Repeat("y", random.IntN(3)))
		cfg := stream.TailBufferConfig{MaxLines: 1 + random.IntN(10), MaxBytes: 10 + random.IntN(40)}
		h, _ := stream.TailBuffer(cfg)
		for rest := text.String(); rest != ""; {
			n := 1 + random.IntN(len(rest))
			h.Write([]byte(rest[:n]))
			rest = rest[n:]
		}
		all := strings.SplitAfter(text.String(), "\n")
		if all[len(all)-1] == "" {
			all = all[:len(all)-1]
		}
		first, size := len(all), 0
		for first > 0 && len(all)-first < cfg.MaxLines && size+len(all[first-1]) <= cfg.MaxBytes {
			first--
			size += len(all[first])
		}
		want := []string{}
		for _, line := range all[first:] {
			want = append(want, strings.TrimSuffix(line, "\n"))
		}
		if got := h.Content(); fmt.Sprintf("%q", got.Lines) != fmt.Sprintf("%q", want) || got.Dropped != int64(first) {
			t.Errorf("seed %d: %q, %d dropped, want %q, %d", seed, got.Lines, got.Dropped, want, first)
		}
	}
}

// A stream of any length takes bounded memory.
func TestTailBuffer_Bounded(t *testing.T) {
	t.Parallel()
	h, _ := stream.TailBuffer(stream.TailBufferConfig{MaxBytes: 1 << 10})
	line := []byte(strings.Repeat("x", 99) + "\n")
	for range 10_000 {
		h.Write(line)
	}
	h.Write(make([]byte, 1<<20))
	h.Write([]byte("\n"))
	for range 20 {
		h.Write(line)
	}
	if n := stream.Held(h); n > 3<<10 {
		t.Errorf("%d bytes are held", n)
	}
	if got := h.Content(); len(got.Lines) != 10 || got.Dropped != 10_011 {
		t.Errorf("%d lines, %d dropped", len(got.Lines), got.Dropped)
	}
}

func TestTailBuffer_Concurrent(t *testing.T) {
	t.Parallel()
	h, _ := stream.TailBuffer(stream.TailBufferConfig{MaxLines: 50})
	var all sync.WaitGroup
	for range 4 {
		all.Go(func() {
			for range 100 {
				fmt.Fprintln(h, "a line")
				for _, line := range h.Content().Lines {
					if line != "a line" {
						t.Errorf("%q", line)
					}
				}
			}
		})
	}
	all.Wait()
	if got := h.Content(); len(got.Lines) != 50 || got.Dropped != 350 {
		t.Errorf("%d lines, %d dropped", len(got.Lines), got.Dropped)
	}
}

func TestTailBuffer_Invalid(t *testing.T) {
	t.Parallel()
	for _, cfg := range []stream.TailBufferConfig{{MaxLines: -1}, {MaxBytes: -1}} {
		if _, err := stream.TailBuffer(cfg); core.ErrorCode(err) != core.CodeInvalid {
			t.Errorf("%+v: %v", cfg, err)
		}
	}
}
