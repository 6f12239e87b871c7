package fault_test

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"fnregistry.dev/tools/testenv/testkit/fault"
)

// text is the body of the servers here.
var text = `{"next_batch":"s1","rooms":{"join":{"!r:x":{"timeline":[1,2.5,-3e2,"a\"b",null,true]}}}}`

// counted is a server that responds with text and counts requests.
func counted(t testing.TB) (url string, served *atomic.Int64) {
	served = new(atomic.Int64)
	return newHTTP(t, func(w http.ResponseWriter, r *http.Request) {
		io.Copy(io.Discard, r.Body)
		served.Add(1)
		w.Header().Set("Content-Type", "application/json")
		w.Header().Set("ETag", `"1"`)
		io.WriteString(w, text)
	}), served
}

func TestStatus(t *testing.T) {
	t.Parallel()
	tests := []struct {
		fault              fault.Status
		retry, kind, body  string
		servedWithoutFault int64
	}{
		{fault: fault.Status{Code: 429}, kind: "text/plain; charset=utf-8", body: "429 Too Many Requests (injected)\n"},
		{
			fault: fault.Status{Code: 503, RetryAfter: 1500 * time.Millisecond},
			retry: "2",
			kind:  "text/plain; charset=utf-8",
			body:  "503 Service Unavailable (injected)\n",
		},
		{fault: fault.Status{Code: 429, RetryAfterMS: 250, Errcode: "M_LIMIT_EXCEEDED"}, kind: "application/json",
			body: `{"errcode":"M_LIMIT_EXCEEDED","error":"Too Many Requests (injected)","retry_after_ms":250}`},
		{fault: fault.Status{Code: 429, RetryAfterMS: 2000, RetryAfter: 2 * time.Second}, retry: "2", kind: "application/json",
			body: `{"errcode":"M_UNKNOWN","error":"Too Many Requests (injected)","retry_after_ms":2000}`},
		{fault: fault.Status{Code: 401, Errcode: "M_UNKNOWN_TOKEN"}, kind: "application/json",
			body: `{"errcode":"M_UNKNOWN_TOKEN","error":"Unauthorized (injected)"}`},
		{fault: fault.Status{Code: 502, Body: "<html>bad gateway</html>"}, kind: "text/html; charset=utf-8", body: "<html>bad gateway</html>"},
		{fault: fault.Status{Code: 500, AfterServer: true}, kind: "text/plain; charset=utf-8", body: "500 Internal Server Error (injected)\n", servedWithoutFault: 1},
	}
	for _, tt := range tests {
		t.Run(tt.fault.String(), func(t *testing.T) {
			t.Parallel()
			url, served := counted(t)
			p := fault.HTTP(t, url)
			rule := p.Add(fault.Rule{Max: 1, Fault: tt.fault})
			a := do(t, http.MethodPost, p.URL()+"/x", strings.NewReader(strings.Repeat("x", 1<<20)))
			if a.err != nil || a.code != tt.fault.Code || a.body != tt.body {
				t.Errorf("%d %q %v, want %d %q", a.code, a.body, a.err, tt.fault.Code, tt.body)
			}
			if a.header.Get("Retry-After") != tt.retry || a.header.Get("Content-Type") != tt.kind || a.header.Get("ETag") != "" {
				t.Errorf("headers %v, want Retry-After %q, Content-Type %q and none of the server's", a.header, tt.retry, tt.kind)
			}
			if served.Load() != tt.servedWithoutFault {
				t.Errorf("the server saw %d requests, want %d", served.Load(), tt.servedWithoutFault)
			}
			if rule.Injected() != 1 {
				t.Errorf("%d injected, want 1", rule.Injected())
			}
			if a := get(t, p.URL()); a.body != text {
				t.Errorf("after the fault: %+v", a)
			}
		})
	}
}

func TestStatus_KeepsTheConnection(t *testing.T) {
	t.Parallel()
	url, _ := counted(t)
	p := fault.HTTP(t, url)
	p.Add(fault.Rule{Max: 1, Fault: fault.Status{Code: 429}})
	c := dial(t, strings.TrimPrefix(p.URL(), "http://"))
	const size = 2 << 20 // more than net/http's server reads by itself after a handler
	sent := make(chan error, 1)
	go func() {
		_, err := fmt.Fprintf(c, "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n%s"+
			"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", size, strings.Repeat("x", size))
		sent <- err
	}()
	got, err := io.ReadAll(c)
	if err != nil || !strings.HasPrefix(string(got), "HTTP/1.1 429") || !strings.HasSuffix(string(got), text) {
		t.Errorf("%q, %v; want a 429 and then the answer on one connection", got, err)
	}
	if err := <-sent; err != nil {
		t.Error(err)
	}
}

func TestReset(t *testing.T) {
	t.Parallel()
	for _, after := range []bool{false, true} {
		url, served := counted(t)
		p := fault.HTTP(t, url)
		p.Add(fault.Rule{Fault: fault.Reset{AfterServer: after}, Max: 1})
		if a := do(t, http.MethodPost, p.URL(), strings.NewReader("x")); !errors.Is(a.err, syscall.ECONNRESET) {
			t.Errorf("after server %v: %+v, want ECONNRESET", after, a)
		}
		if want := map[bool]int64{true: 1}[after]; served.Load() != want {
			t.Errorf("after server %v: the server saw %d requests, want %d", after, served.Load(), want)
		}
	}
}

func TestHang(t *testing.T) {
	t.Parallel()
	for _, after := range []bool{false, true} {
		url, served := counted(t)
		p := fault.HTTP(t, url)
		rule := p.Add(fault.Rule{Fault: fault.Hang{AfterServer: after}})
		c := dial(t, strings.TrimPrefix(p.URL(), "http://"))
		send(t, c, "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\nhi")
		if err := rule.Wait(t.Context(), 1); err != nil {
			t.Fatal(err)
		}
		silent(t, c)
		if want := map[bool]int64{true: 1}[after]; served.Load() != want {
			t.Errorf("after server %v: the server saw %d requests, want %d", after, served.Load(), want)
		}
		p.Heal()
		wantErr(t, c, syscall.ECONNRESET)
		if a := get(t, p.URL()); a.body != text {
			t.Errorf("healed: %+v", a)
		}
	}
}

func TestDelay(t *testing.T) {
	t.Parallel()
	for _, after := range []bool{false, true} {
		url, served := counted(t)
		p := fault.HTTP(t, url)
		p.Add(fault.Rule{Max: 1, Fault: fault.Delay{Time: 50 * time.Millisecond, Jitter: 20 * time.Millisecond, AfterServer: after}})
		start := time.Now()
		if a := get(t, p.URL()); a.body != text {
			t.Errorf("%+v", a)
		}
		if took := time.Since(start); took < 50*time.Millisecond {
			t.Errorf("took %v, want 50ms or more", took)
		}
		long := p.Add(fault.Rule{Fault: fault.Delay{Time: time.Hour, AfterServer: after}})
		done := make(chan answer)
		go func() { done <- get(t, p.URL()) }()
		if err := long.Wait(t.Context(), 1); err != nil {
			t.Fatal(err)
		}
		if want := map[bool]int64{false: 1, true: 2}[after]; served.Load() != want {
			t.Errorf("after server %v: the server saw %d requests while one is held, want %d", after, served.Load(), want)
		}
		p.Heal()
		if a := <-done; a.body != text {
			t.Errorf("healed: %+v", a)
		}
	}
}

func TestBandwidth(t *testing.T) {
	t.Parallel()
	p := fault.HTTP(t, newHTTP(t, func(w http.ResponseWriter, _ *http.Request) { w.Write(make([]byte, 20_000)) }))
	rule := p.Add(fault.Rule{Fault: fault.Bandwidth{BytesPerSecond: 100_000}})
	start := time.Now()
	if a := get(t, p.URL()); len(a.body) != 20_000 || a.err != nil {
		t.Errorf("%d bytes, %v", len(a.body), a.err)
	}
	if took := time.Since(start); took < 180*time.Millisecond {
		t.Errorf("20 kB at 100 kB/s took %v, want 0.2 s", took)
	}
	p.Add(fault.Rule{Fault: fault.Bandwidth{BytesPerSecond: 1}})
	done := make(chan answer)
	go func() { done <- get(t, p.URL()) }()
	if err := rule.Wait(t.Context(), 2); err != nil {
		t.Fatal(err)
	}
	p.Heal()
	if a := <-done; len(a.body) != 20_000 || a.err != nil {
		t.Errorf("healed: %d bytes, %v", len(a.body), a.err)
	}
}

func TestCutBody(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("0123456789", 10_000)
	p := fault.HTTP(t, newHTTP(t, func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/length":
			w.Header().Set("Content-Length", strconv.Itoa(len(long)))
			io.WriteString(w, long)
		case "/chunked":
			http.NewResponseController(w).Flush()
			io.WriteString(w, long)
		case "/short":
			http.NewResponseController(w).Flush()
			io.WriteString(w, "0123")
		case "/tiny":
			io.WriteString(w, "0123")
		case "/empty":
			w.WriteHeader(http.StatusNoContent)
		}
	}))
	tests := []struct {
		path        string
		fault       fault.CutBody
		least, most int
		want        error
	}{
		{"/length", fault.CutBody{After: 70_000}, 70_000, 70_000, io.ErrUnexpectedEOF},
		{"/chunked", fault.CutBody{After: 70_000}, 70_000, 70_000, io.ErrUnexpectedEOF},
		{"/length", fault.CutBody{After: 30_000, Reset: true}, 30_000, 30_000, syscall.ECONNRESET},
		{"/length", fault.CutBody{}, 1, 99_999, io.ErrUnexpectedEOF},
		{"/chunked", fault.CutBody{}, 1, 4095, io.ErrUnexpectedEOF},
		{"/length", fault.CutBody{After: 1 << 40}, 99_999, 99_999, io.ErrUnexpectedEOF},
		{"/short", fault.CutBody{After: 1 << 40}, 4, 4, io.ErrUnexpectedEOF},
		{"/tiny", fault.CutBody{After: 4}, 3, 3, io.ErrUnexpectedEOF},
		{"/tiny", fault.CutBody{}, 1, 3, io.ErrUnexpectedEOF},
		{"/empty", fault.CutBody{}, 0, 0, syscall.ECONNRESET},
	}
	for _, tt := range tests {
		rule := p.Add(fault.Rule{Fault: tt.fault})
		a := get(t, p.URL()+tt.path)
		if len(a.body) < tt.least || len(a.body) > tt.most || !errors.Is(a.err, tt.want) {
			t.Errorf("%s, %v: %d bytes, %v; want %d to %d and %v", tt.path, tt.fault, len(a.body), a.err, tt.least, tt.most, tt.want)
		}
		if !strings.HasPrefix(long, a.body) {
			t.Errorf("%s, %v: other bytes than the server's", tt.path, tt.fault)
		}
		if rule.Injected() != 1 {
			t.Errorf("%s, %v: %d injected", tt.path, tt.fault, rule.Injected())
		}
		p.Heal()
	}
}

func TestCorruptJSON(t *testing.T) {
	t.Parallel()
	for _, how := range []fault.Corruption{fault.Truncate, fault.Flip} {
		url, _ := counted(t)
		p := fault.HTTP(t, url)
		p.Add(fault.Rule{Fault: fault.CorruptJSON{How: how}})
		seen := map[string]bool{}
		for range 20 {
			a := get(t, p.URL())
			if a.err != nil || a.code != 200 || a.body == "" || json.Valid([]byte(a.body)) {
				t.Errorf("%v: %+v, want a whole answer with broken JSON", how, a)
			}
			if how == fault.Flip && len(a.body) != len(text) {
				t.Errorf("flip changed the length: %q", a.body)
			}
			seen[a.body] = true
		}
		if len(seen) < 5 {
			t.Errorf("%v: %d different places of 20", how, len(seen))
		}
		if got := p.Counts().Injected; got != 20 {
			t.Errorf("%d injected, want 20", got)
		}
	}
}

func TestCorruptJSON_LeavesWhatIsNoJSON(t *testing.T) {
	t.Parallel()
	var zipped bytes.Buffer
	zip := gzip.NewWriter(&zipped)
	io.WriteString(zip, text)
	zip.Close()
	for name, body := range map[string]string{
		"empty": "", "word": "hello", "number": "12", "broken already": `{"a":`, "gzip": zipped.String(),
	} {
		p := fault.HTTP(t, newHTTP(t, func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, body) }))
		rule := p.Add(fault.Rule{Fault: fault.CorruptJSON{}, Max: 1})
		a := get(t, p.URL())
		if a.body != body || a.err != nil || rule.Injected() != 0 || rule.Matched() != 1 {
			t.Errorf("%s: %+v, %d injected of %d; want it unharmed and not counted", name, a, rule.Injected(), rule.Matched())
		}
	}
	p := fault.HTTP(t, newHTTP(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("ETag", `"1"`)
		w.WriteHeader(http.StatusNotModified)
	}))
	p.Add(fault.Rule{Fault: fault.CorruptJSON{}})
	if a := get(t, p.URL()); a.err != nil || a.code != 304 || a.header.Get("ETag") != `"1"` {
		t.Errorf("%+v, want the 304", a)
	}
}

func TestCorruptJSON_AsksForNoCompression(t *testing.T) {
	t.Parallel()
	p := fault.HTTP(t, newHTTP(t, func(w http.ResponseWriter, r *http.Request) {
		json.NewEncoder(w).Encode(r.Header["Accept-Encoding"])
	}))
	p.Add(fault.Rule{Fault: fault.CorruptJSON{}, Match: "/spoiled"})
	client := newClient(t)
	client.Transport.(*http.Transport).DisableCompression = false
	// null is passed on, being no object.
	for path, want := range map[string]string{"/spoiled": "null\n", "/": "[\"gzip\"]\n"} {
		resp, err := client.Get(p.URL() + path)
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(resp.Body)
		resp.Body.Close()
		if err != nil || string(body) != want {
			t.Errorf("%s: the server was asked for %q, %v; want %q", path, body, err, want)
		}
	}
}
