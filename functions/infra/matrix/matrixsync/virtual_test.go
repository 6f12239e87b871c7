package matrixsync_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"fnregistry.dev/functions/core"
	"fnregistry.dev/functions/infra/matrix/matrixsync"
)

// day is a server's day in virtual time: a long poll that holds responses, a
// message every minute, and bad hours.
type day struct {
	began time.Time

	mu       sync.Mutex
	polls    map[string]int // by what the server did
	inFlight int
	most     int // in flight at once
	messages int
}

// hour returns how the server behaves.
func (d *day) hour() string {
	switch hour := int(time.Since(d.began).Hours()); hour {
	case 3:
		return "502"
	case 6:
		return "refuses connections"
	case 9:
		return "empty at once" // a proxy's cache, a server with a broken stream position
	case 12:
		return "401"
	case 15:
		return "429"
	case 18:
		return "corrupt"
	case 20:
		return "same token with content"
	}
	return "well"
}

func (d *day) RoundTrip(request *http.Request) (*http.Response, error) {
	state := d.hour()
	d.mu.Lock()
	d.polls[state]++
	d.inFlight++
	d.most = max(d.most, d.inFlight)
	d.mu.Unlock()
	defer func() {
		d.mu.Lock()
		d.inFlight--
		d.mu.Unlock()
	}()
	query := request.URL.Query()
	since := query.Get("since")
	switch state {
	case "502":
		return answerJSON(request, 502, []byte("<html>Bad Gateway</html>")), nil
	case "refuses connections":
		return nil, io.ErrUnexpectedEOF
	case "empty at once":
		return answerJSON(request, 200, fmt.Appendf(nil, `{"next_batch":%q}`, max(since, "s0"))), nil
	case "401":
		return answerJSON(request, 401, []byte(`{"errcode":"M_UNKNOWN_TOKEN"}`)), nil
	case "429":
		return answerJSON(request, 429, []byte(`{"errcode":"M_LIMIT_EXCEEDED","retry_after_ms":30000}`)), nil
	case "corrupt":
		return answerJSON(request, 200, []byte(`{"next_batch":"s99`)), nil
	case "same token with content": // answers at once, always with the same event
		return answerJSON(request, 200, fmt.Appendf(nil, `{"next_batch":%q,"rooms":{"join":{"!r:x":{"timeline":{"events":[{"type":"m.room.message","event_id":"$same","content":{"body":"x"}}]}}}}}`, max(since, "s0"))), nil
	}
	timeout, _ := strconv.Atoi(query.Get("timeout"))
	next := time.Until(time.Now().Truncate(time.Minute).Add(time.Minute))
	wait := min(time.Duration(timeout)*time.Millisecond, next)
	select {
	case <-time.After(wait):
	case <-request.Context().Done():
		return nil, request.Context().Err()
	}
	if timeout == 0 || wait < next {
		return answerJSON(request, 200, fmt.Appendf(nil, `{"next_batch":%q}`, max(since, "s0"))), nil
	}
	d.mu.Lock()
	d.messages++
	n := d.messages
	d.mu.Unlock()
	return answerJSON(request, 200, fmt.Appendf(nil, `{"next_batch":"s%d","rooms":{"join":{"!r:x":{"timeline":{"events":[`+
		`{"type":"m.room.message","event_id":"$%d","sender":"@a:x","content":{"msgtype":"m.text","body":"%s %d"}}]}}}}}`, n, n, strings.Repeat("x", 2000), n)), nil
}

// Not parallel: it counts goroutines and memory.
func TestSync_DayInVirtualTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := &day{began: time.Now(), polls: map[string]int{}}
		service, err := matrixsync.MatrixSyncService(t.Context(), matrixsync.MatrixSyncServiceConfig{Client: recordedClient(t, server)})
		if err != nil {
			t.Fatal(err)
		}
		received := make(chan int)
		go func() {
			n := 0
			for range service.Events {
				n++
			}
			received <- n
		}()
		measure := func() (heap uint64, goroutines int) {
			synctest.Wait()
			runtime.GC()
			var m runtime.MemStats
			runtime.ReadMemStats(&m)
			return m.HeapAlloc, runtime.NumGoroutine()
		}
		time.Sleep(2 * time.Hour)
		heap, goroutines := measure()
		time.Sleep(22*time.Hour - time.Second)
		heapAfter, goroutinesAfter := measure()
		service.Stop()
		if n := <-received; n != server.messages+1 { // and $same
			t.Errorf("%d events of %d messages", n, server.messages)
		}
		server.mu.Lock()
		defer server.mu.Unlock()
		if server.most != 1 {
			t.Errorf("%d syncs in flight at once", server.most)
		}
		if grown := int64(heapAfter) - int64(heap); grown > 1<<20 {
			t.Errorf("the heap grew by %d bytes", grown)
		}
		if goroutinesAfter > goroutines {
			t.Errorf("%d goroutines, then %d", goroutines, goroutinesAfter)
		}
		// Each bad hour: at 60 s maximum, of which jitter takes up to a half;
		// 401 without jitter; and as rarely where the token stands still, with
		// content or without.
		for state, most := range map[string]int{
			"502": 130, "refuses connections": 130, "corrupt": 130, "401": 62, "429": 125, "empty at once": 130, "same token with content": 130, "well": 17 * 125,
		} {
			if polls := server.polls[state]; polls > most || polls < 50 {
				t.Errorf("%s: %d polls, want up to %d", state, polls, most)
			}
		}
		t.Logf("polls: %v", server.polls)
	})
}

// flaky is a transport that is a function.
type flaky func(request *http.Request, n int) (*http.Response, error)

type counting struct {
	answer flaky
	n      atomic.Int64
}

func (c *counting) RoundTrip(request *http.Request) (*http.Response, error) {
	return c.answer(request, int(c.n.Add(1)))
}

// After a success the backoff starts at its beginning.
func TestSync_BackoffStartsAnew(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		server := &counting{answer: func(request *http.Request, n int) (*http.Response, error) {
			if n%2 == 1 {
				return answerJSON(request, 502, nil), nil
			}
			return answerJSON(request, 200, fmt.Appendf(nil, `{"next_batch":"s","rooms":{"join":{"!r:x":{"timeline":{"events":[{"type":"m.x","event_id":"$%d"}]}}}}}`, n)), nil
		}}
		began := time.Now()
		service, err := matrixsync.MatrixSyncService(t.Context(), matrixsync.MatrixSyncServiceConfig{Client: recordedClient(t, server)})
		if err != nil {
			t.Fatal(err)
		}
		defer service.Stop()
		for range 60 {
			<-service.Events
		}
		if took := time.Since(began); took > 75*time.Second || took < 30*time.Second {
			t.Errorf("60 failures of one try each took %v", took)
		}
	})
}

// A server that accepts a request and never responds, or stops in the middle of
// a response, is given up and requested again.
func TestSync_SilentServer(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		server := &counting{answer: func(request *http.Request, n int) (*http.Response, error) {
			switch n {
			case 2:
				<-request.Context().Done()
				return nil, request.Context().Err()
			case 3:
				answer := answerJSON(request, 200, nil)
				answer.ContentLength = -1
				answer.Body = io.NopCloser(io.MultiReader(strings.NewReader(`{"next_batch":`), untilDone{request.Context()}))
				return answer, nil
			case 5:
				<-request.Context().Done()
				return nil, request.Context().Err()
			}
			return answerJSON(request, 200, fmt.Appendf(nil, `{"next_batch":"s%d","rooms":{"join":{"!r:x":{"timeline":{"events":[{"type":"m.x","event_id":"$%d"}]}}}}}`, n, n)), nil
		}}
		service, err := matrixsync.MatrixSyncService(t.Context(), matrixsync.MatrixSyncServiceConfig{Client: recordedClient(t, server)})
		if err != nil {
			t.Fatal(err)
		}
		defer service.Stop()
		began := time.Now()
		<-service.Events
		<-service.Events
		if took := time.Since(began); took > 4*time.Minute {
			t.Errorf("it took %v", took)
		}
		for range 2 {
			if err := <-service.Errors; core.ErrorCode(err) != core.CodeTimeout {
				t.Errorf("got %v", err)
			}
		}
	})
}

// untilDone blocks until its context is done.
type untilDone struct{ ctx context.Context }

func (u untilDone) Read([]byte) (int, error) {
	<-u.ctx.Done()
	return 0, u.ctx.Err()
}
