package sse_test

import (
	"testing"
	"time"

	"fnregistry.dev/functions/infra/sse"
)

func TestSSEEvent_SurvivesTheWire(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ in, out sse.SSEEvent }{
		"plain":        {sse.SSEEvent{Data: "x"}, sse.SSEEvent{Type: "message", Data: "x"}},
		"typed":        {sse.SSEEvent{Type: "unit", Data: "x"}, sse.SSEEvent{Type: "unit", Data: "x"}},
		"empty":        {sse.SSEEvent{}, sse.SSEEvent{Type: "message"}},
		"line breaks":  {sse.SSEEvent{Data: "a\nb\r\nc\rd\n"}, sse.SSEEvent{Type: "message", Data: "a\nb\nc\nd\n"}},
		"only breaks":  {sse.SSEEvent{Data: "\n\n"}, sse.SSEEvent{Type: "message", Data: "\n\n"}},
		"blanks":       {sse.SSEEvent{Type: " t ", Data: "  x "}, sse.SSEEvent{Type: " t ", Data: "  x "}},
		"looks like a": {sse.SSEEvent{Data: "id: 1\ndata: x\n:c"}, sse.SSEEvent{Type: "message", Data: "id: 1\ndata: x\n:c"}},
		"not ASCII":    {sse.SSEEvent{Data: "äöü\x00\ufeff"}, sse.SSEEvent{Type: "message", Data: "äöü\x00\ufeff"}},
		"retry":        {sse.SSEEvent{Data: "x", Retry: 1500 * time.Millisecond}, sse.SSEEvent{Type: "message", Data: "x", Retry: 1500 * time.Millisecond}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			hub := newHubServer(t, sse.SSEHandlerConfig{})
			start := hub.publish(t, "before")[0]
			id, err := hub.Publish("", c.in)
			if err != nil {
				t.Fatal(err)
			}
			response := open(t, hub.URL, start)
			hub.SSEHub.Close()
			c.out.ID = id
			if got := toEOF(t, response.Body); len(got) != 1 || got[0] != c.out {
				t.Errorf("got %+v, want %+v", got, c.out)
			}
		})
	}
}
