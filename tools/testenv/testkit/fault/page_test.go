package fault_test

import (
	"math/rand/v2"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"fnregistry.dev/tools/testenv/testkit/fault"
)

// The examples of docs/testenv-faults.md are run here verbatim.
func TestPage_TCP(t *testing.T) {
	t.Parallel()
	server := newEcho(t).addr

	proxy := fault.TCP(t, server) // "127.0.0.1:5432"; connect to proxy.Addr()

	proxy.Delay(50 * time.Millisecond) // each way; proxy.Jitter adds to it
	proxy.Bandwidth(100_000)           // bytes a second, each connection, each way
	proxy.CutAfter(1 << 20)            // each connection is reset after 1 MiB
	proxy.OneWay(fault.ToClient)       // what the server sends vanishes, connections stay open
	proxy.Cut()                        // resets what is open now
	proxy.Down()                       // refuses connections, as a killed server
	proxy.Up()
	proxy.Heal() // takes all of it back

	c := dial(t, proxy.Addr())
	send(t, c, "healed")
	receive(t, c, "healed")
}

func TestPage_HTTP(t *testing.T) {
	t.Parallel()
	homeserver, served := counted(t)

	proxy := fault.HTTP(t, homeserver) // "http://127.0.0.1:8008"; use proxy.URL()

	// The next 3 syncs are rate limited, in both of Matrix's forms.
	limited := proxy.Add(fault.Rule{
		Match: "GET /_matrix/client/v3/sync",
		Max:   3,
		Fault: fault.Status{Code: 429, Errcode: "M_LIMIT_EXCEEDED", RetryAfterMS: 50, RetryAfter: time.Second},
	})
	// One send in ten is processed by the server, but its response is lost.
	proxy.Add(fault.Rule{
		Match:       "PUT /_matrix/client/v3/rooms/{room}/send/",
		Probability: 0.1,
		Fault:       fault.Reset{AfterServer: true},
	})

	for _, code := range codes(t, 3, proxy.URL()+"/_matrix/client/v3/sync?timeout=0") {
		if code != http.StatusTooManyRequests {
			t.Errorf("status %d, want 429", code)
		}
	}
	lost := 0
	for range 100 {
		if a := do(t, http.MethodPut, proxy.URL()+"/_matrix/client/v3/rooms/!r/send/m.text/1", nil); a.err != nil {
			lost++
		}
	}
	if met := proxy.Counts().Rules[1].Injected; lost != met || served.Load() != 100 {
		t.Errorf("%d answers lost, %d counted, %d served of 100", lost, met, served.Load())
	}

	if err := limited.Wait(t.Context(), 3); err != nil { // until it was applied to 3 requests
		t.Fatal(err)
	}
	if limited.Injected() != 3 {
		t.Errorf("the fault was applied to %d requests", limited.Injected())
	}
	chaos := rand.New(rand.NewPCG(proxy.Seed(), 99)) // the test's own random numbers, from the same seed

	if a, b := chaos.Uint64(), rand.New(rand.NewPCG(proxy.Seed(), 99)).Uint64(); a != b {
		t.Errorf("the same seed gave %d and %d", a, b)
	}
}

func TestPage_ShowsWhatIsRunHere(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile("../../../../docs/testenv-faults.md")
	if err != nil {
		t.Fatal(err)
	}
	source, err := os.ReadFile("page_test.go")
	if err != nil {
		t.Fatal(err)
	}
	fences := strings.Split(string(page), "```go\n")[1:]
	if len(fences) != 3 {
		t.Errorf("the page has %d examples, want 3", len(fences))
	}
	flat := strings.ReplaceAll(string(source), "\n\t", "\n") // a function's body is indented once
	for _, fence := range fences {
		code, _, _ := strings.Cut(fence, "```")
		if !strings.Contains(flat, code) {
			t.Errorf("not run here as the page has it:\n%s", code)
		}
	}
}
