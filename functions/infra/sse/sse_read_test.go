package sse_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"reflect"
	"slices"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	gosse "github.com/tmaxmax/go-sse"

	"fnregistry.dev/functions/core"
	"fnregistry.dev/functions/infra/sse"
)

// readAll collects events and errors alike.
func readAll(r io.Reader, maxBytes int) (events []sse.SSEEvent, codes []core.Code) {
	for event, err := range sse.SSERead(r, maxBytes) {
		if err != nil {
			codes = append(codes, core.ErrorCode(err))
			continue
		}
		events = append(events, event)
	}
	return events, codes
}

func TestSSERead_Interprets(t *testing.T) {
	t.Parallel()
	message := func(id, data string) sse.SSEEvent { return sse.SSEEvent{ID: id, Type: "message", Data: data} }
	for name, c := range map[string]struct {
		stream string
		want   []sse.SSEEvent
	}{
		// The first five are the standard's own examples.
		"stock":                  {"data: YHOO\ndata: +2\ndata: 10\n\n", []sse.SSEEvent{message("", "YHOO\n+2\n10")}},
		"four blocks":            {": test stream\n\ndata: first event\nid: 1\n\ndata:second event\nid\n\ndata:  third event\n\n", []sse.SSEEvent{message("1", "first event"), message("", "second event"), message("", " third event")}},
		"no data and the last":   {"data\n\ndata\ndata\n\ndata:", []sse.SSEEvent{message("", ""), message("", "\n")}},
		"space after colon":      {"data:test\n\ndata: test\n\n", []sse.SSEEvent{message("", "test"), message("", "test")}},
		"types":                  {"event: add\ndata: 7\n\nevent: remove\ndata: 2\n\n", []sse.SSEEvent{{Type: "add", Data: "7"}, {Type: "remove", Data: "2"}}},
		"byte order mark":        {"\xef\xbb\xbfdata: x\n\n", []sse.SSEEvent{message("", "x")}},
		"only one mark":          {"\xef\xbb\xbf\xef\xbb\xbfdata: x\n\ndata: y\n\n", []sse.SSEEvent{message("", "y")}},
		"mark and blank line":    {"\xef\xbb\xbf\ndata: x\n\n", []sse.SSEEvent{message("", "x")}},
		"mark in the middle":     {"data: x\n\xef\xbb\xbfdata: y\n\n", []sse.SSEEvent{message("", "x")}},
		"CR":                     {"data: a\rdata: b\r\r", []sse.SSEEvent{message("", "a\nb")}},
		"CRLF":                   {"data: a\r\ndata: b\r\n\r\n", []sse.SSEEvent{message("", "a\nb")}},
		"all kinds of ends":      {"data: a\rdata: b\ndata: c\r\n\ndata: d\n\r", []sse.SSEEvent{message("", "a\nb\nc"), message("", "d")}},
		"ID stays":               {"id: 1\ndata: a\n\ndata: b\n\n", []sse.SSEEvent{message("1", "a"), message("1", "b")}},
		"ID without event":       {"id: 7\n\ndata: a\n\n", []sse.SSEEvent{message("7", "a")}},
		"ID with NUL":            {"id: 1\nid: 2\x003\ndata: a\n\n", []sse.SSEEvent{message("1", "a")}},
		"retry":                  {"retry: 2500\ndata: a\n\ndata: b\n\n", []sse.SSEEvent{{Type: "message", Data: "a", Retry: 2500 * time.Millisecond}, message("", "b")}},
		"bad retry":              {"retry: 1.5\nretry: -1\nretry: +1\nretry:\nretry: 1s\ndata: a\n\n", []sse.SSEEvent{message("", "a")}},
		"unknown, comment, case": {"foo: bar\n: c\n::\nDATA: x\n data: y\ndata: a\n\n", []sse.SSEEvent{message("", "a")}},
		"not UTF-8":              {"data: a\xff\xfeb\n\n", []sse.SSEEvent{message("", "a\uFFFD\uFFFDb")}},
		"UTF-8 cut short":        {"data: \xe2\x82\xf0\x9f\x98 \xed\xa0\x80\xc0\x80é\xf0\n\n", []sse.SSEEvent{message("", "\uFFFD\uFFFD \uFFFD\uFFFD\uFFFD\uFFFD\uFFFDé\uFFFD")}},
		"type without data":      {"event: x\n\ndata: a\n\n", []sse.SSEEvent{message("", "a")}},
		"unfinished is dropped":  {"data: a\n\ndata: b\n", []sse.SSEEvent{message("", "a")}},
		"nothing":                {"", nil},
		"invalid UTF-8":          {"data: a\xffb\n\n", []sse.SSEEvent{message("", "a\uFFFDb")}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for cut, r := range map[string]io.Reader{
				"whole":         strings.NewReader(c.stream),
				"byte by byte":  iotest.OneByteReader(strings.NewReader(c.stream)),
				"data with EOF": iotest.DataErrReader(strings.NewReader(c.stream)),
			} {
				if got, codes := readAll(r, 0); !reflect.DeepEqual(got, c.want) || codes != nil {
					t.Errorf("%s:\n got %+v, %v\nwant %+v", cut, got, codes, c.want)
				}
			}
		})
	}
}

func TestSSERead_DoesNotWaitForTheLFAfterACR(t *testing.T) {
	t.Parallel()
	r, w := io.Pipe()
	defer w.Close()
	go io.WriteString(w, "data: x\r\r")
	for event, err := range sse.SSERead(r, 0) { // there is no more input: a reader that waited would hang here
		if err != nil || event.Data != "x" {
			t.Errorf("got %+v, %v", event, err)
		}
		break
	}
}

func TestSSERead_TooLongIsSkipped(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("x", 100_000)
	for name, stream := range map[string]string{
		"line":  "data: a\n\ndata: " + long + "\n\ndata: b\n\n",
		"id":    "data: a\n\nid: " + long + "\n\ndata: b\n\n",
		"event": "data: a\n\n" + strings.Repeat("data: xxxxxxxxx\n", 1000) + "\ndata: b\n\n",
	} {
		for _, r := range []io.Reader{strings.NewReader(stream), iotest.HalfReader(strings.NewReader(stream))} {
			events, codes := readAll(r, 1000)
			if dataOf(events) != "a b" || len(codes) != 1 || codes[0] != core.CodeTooLarge {
				t.Errorf("%s: %d events, %v", name, len(events), codes)
			}
		}
	}
	if events, codes := readAll(strings.NewReader("data: "+long+"\n\n"), 0); len(events) != 1 || codes != nil {
		t.Errorf("100 kB is not accepted by default: %v", codes)
	}
}

func TestSSERead_BrokenStream(t *testing.T) {
	t.Parallel()
	for cause, want := range map[error]core.Code{io.ErrUnexpectedEOF: core.CodeUnavailable, context.Canceled: core.CodeCanceled, context.DeadlineExceeded: core.CodeTimeout} {
		var last error
		events := 0
		for _, err := range sse.SSERead(io.MultiReader(strings.NewReader("data: a\n\ndata: b\n"), iotest.ErrReader(cause)), 0) {
			last = err
			events++
		}
		if events != 2 || !errors.Is(last, cause) || core.ErrorCode(last) != want {
			t.Errorf("%v: %v after %d", cause, last, events)
		}
	}
}

// FuzzSSERead compares the reader with itself on the same stream in other
// pieces, and with what it reads from its own events after encoding them again.
func FuzzSSERead(f *testing.F) {
	for _, seed := range []string{
		"data: a\n\n", "\xef\xbb\xbfid: 1\r\nevent: x\rdata: a\r\n\r\n", "data\ndata\n\n", "id: \x00\nretry: 99999999999999999999\n\n",
		": comment\n\ndata:" + strings.Repeat("x", 300) + "\n\n", "\r\n\r\r\n\n", "data: \xff\n\n", "id: 1\n\ndata: \n\n",
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, stream []byte) {
		const limit = 256
		events, codes := readAll(bytes.NewReader(stream), limit)
		inPieces, codesInPieces := readAll(iotest.OneByteReader(bytes.NewReader(stream)), limit)
		if !reflect.DeepEqual(events, inPieces) || !reflect.DeepEqual(codes, codesInPieces) {
			t.Fatalf("%q:\n whole %+v %v\npieces %+v %v", stream, events, codes, inPieces, codesInPieces)
		}
		var again bytes.Buffer
		for _, event := range events {
			if strings.ContainsAny(event.Type+event.ID, "\r\n") || strings.Contains(event.Data, "\r") || strings.Contains(event.ID, "\x00") {
				t.Fatalf("%q: impossible event %+v", stream, event)
			}
			fmt.Fprintf(&again, "id: %s\nevent: %s\n", event.ID, event.Type)
			if event.Retry > 0 {
				fmt.Fprintf(&again, "retry: %d\n", event.Retry.Milliseconds())
			}
			for line := range strings.SplitSeq(event.Data, "\n") {
				fmt.Fprintf(&again, "data: %s\n", line)
			}
			again.WriteString("\n")
		}
		if reread, _ := readAll(&again, 1<<20); !reflect.DeepEqual(events, reread) {
			t.Fatalf("%q:\n read %+v\n again %+v", stream, events, reread)
		}
	})
}

// BenchmarkSSERead reads 1,000 events with this unit and with tmaxmax/go-sse's
// reader.
func BenchmarkSSERead(b *testing.B) {
	var stream bytes.Buffer
	for i := range 1000 {
		fmt.Fprintf(&stream, "id: k3x9-%d\nevent: unit\ndata: {\"id\":\"matrix_sync_service_go_infra\",\"n\":%d}\n\n", i, i)
	}
	check := func(b *testing.B, n int) {
		if n != 1000 {
			b.Fatalf("%d events", n)
		}
	}
	b.Run("sse_read", func(b *testing.B) {
		b.SetBytes(int64(stream.Len()))
		b.ReportAllocs()
		for b.Loop() {
			n := 0
			for range sse.SSERead(bytes.NewReader(stream.Bytes()), 0) {
				n++
			}
			check(b, n)
		}
	})
	b.Run("go-sse", func(b *testing.B) {
		b.SetBytes(int64(stream.Len()))
		b.ReportAllocs()
		for b.Loop() {
			n := 0
			gosse.Read(bytes.NewReader(stream.Bytes()), nil)(func(gosse.Event, error) bool { n++; return true })
			check(b, n)
		}
	})
}

// A comment and an unknown field are not part of an event, however long.
func TestSSERead_LongComment(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("x", 500)
	events, codes := readAll(strings.NewReader(": "+long+"\n"+long+"\n"+long+": y\ndata: a\n\ndata: "+long+"\n\ndata: b\n\n"), 100)
	if len(events) != 2 || events[0].Data != "a" || events[1].Data != "b" || !slices.Equal(codes, []core.Code{core.CodeTooLarge}) {
		t.Errorf("%+v, %v", events, codes)
	}
}
