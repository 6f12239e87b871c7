package fault_test

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"fnregistry.dev/tools/testenv/testkit/fault"
)

func TestHTTP_PassesEverything(t *testing.T) {
	t.Parallel()
	url := newHTTP(t, func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		w.Header().Set("X-Seen", r.Method+" "+r.RequestURI+" "+r.Host+strings.Join(r.Header["Accept-Encoding"], ","))
		w.WriteHeader(http.StatusTeapot)
		fmt.Fprintf(w, "%d", len(body))
	})
	p := fault.HTTP(t, url)
	const path = "/rooms/%21a%2Fb%3Ax/send//m.text/../1?since=a;b&x=%zz"
	host := strings.TrimPrefix(url, "http://")
	a := do(t, http.MethodPut, p.URL()+path, strings.NewReader(strings.Repeat("x", 3<<20)))
	if want := "PUT " + path + " " + host; a.err != nil || a.code != http.StatusTeapot || a.header.Get("X-Seen") != want {
		t.Errorf("%d %q %v, want 418 %q", a.code, a.header.Get("X-Seen"), a.err, want)
	}
	if a.body != fmt.Sprint(3<<20) {
		t.Errorf("the server got %s bytes", a.body)
	}
	if c := p.Counts(); c.Requests != 1 || c.Injected != 0 {
		t.Errorf("counts %v", c)
	}
}

func TestHTTP_Streams(t *testing.T) {
	t.Parallel()
	more := make(chan struct{})
	p := fault.HTTP(t, newHTTP(t, func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprintln(w, "first")
		http.NewResponseController(w).Flush()
		<-more
		fmt.Fprintln(w, "second")
	}))
	resp, err := newClient(t).Get(p.URL())
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	lines := bufio.NewScanner(resp.Body)
	for _, want := range []string{"first", "second"} {
		if !lines.Scan() || lines.Text() != want {
			t.Fatalf("read %q, %v; want %q", lines.Text(), lines.Err(), want)
		}
		if want == "first" {
			close(more) // the first line came before the server went on
		}
	}
}

func TestHTTP_PassesUpgrade(t *testing.T) {
	t.Parallel()
	p := fault.HTTP(t, newHTTP(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Upgrade", "echo")
		w.Header().Set("Connection", "Upgrade")
		w.WriteHeader(http.StatusSwitchingProtocols)
		conn, buf, err := http.NewResponseController(w).Hijack()
		if err != nil {
			t.Error(err)
			return
		}
		defer conn.Close()
		io.Copy(conn, buf)
	}))
	p.Add(fault.Rule{Fault: fault.CutBody{}}) // an upgraded connection has no body to cut
	c := dial(t, strings.TrimPrefix(p.URL(), "http://"))
	send(t, c, "GET / HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n")
	resp, err := http.ReadResponse(bufio.NewReaderSize(c, 16), nil)
	if err != nil || resp.StatusCode != http.StatusSwitchingProtocols {
		t.Fatalf("%v, %v; want 101", resp, err)
	}
	send(t, c, "hello")
	receive(t, c, "hello")
	if n := p.Cut(); n != 1 {
		t.Errorf("cut %d connections, want 1", n)
	}
	wantErr(t, c, syscall.ECONNRESET)
}

func TestHTTP_NoServerIsAReset(t *testing.T) {
	t.Parallel()
	gone, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	gone.Close()
	p := fault.HTTP(t, "http://"+gone.Addr().String())
	if a := get(t, p.URL()); !errors.Is(a.err, syscall.ECONNRESET) {
		t.Errorf("without server: %d %v, want ECONNRESET", a.code, a.err)
	}
	if c := p.Counts(); c.Unreachable != 1 || c.Injected != 0 {
		t.Errorf("counts %v", c)
	}
	p.SetTarget(newHTTP(t, func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "moved") }))
	if a := get(t, p.URL()); a.body != "moved" {
		t.Errorf("after the move: %+v", a)
	}
}

func TestHTTP_ServerBreaksOff(t *testing.T) {
	t.Parallel()
	p := fault.HTTP(t, newHTTP(t, func(w http.ResponseWriter, _ *http.Request) {
		io.WriteString(w, "part")
		http.NewResponseController(w).Flush()
		panic(http.ErrAbortHandler)
	}))
	if a := get(t, p.URL()); a.body != "part" || !errors.Is(a.err, io.ErrUnexpectedEOF) {
		t.Errorf("%q, %v; want part of it and an unexpected EOF", a.body, a.err)
	}
}

func TestHTTP_DownCutAndUp(t *testing.T) {
	t.Parallel()
	entered := make(chan struct{}, 1)
	p := fault.HTTP(t, newHTTP(t, func(_ http.ResponseWriter, r *http.Request) {
		entered <- struct{}{}
		<-r.Context().Done() // when the proxy's client is gone, so is the proxy's request
	}))
	for _, end := range []func(){func() { p.Cut() }, p.Down} {
		done := make(chan answer)
		go func() { done <- get(t, p.URL()) }()
		<-entered
		end()
		if a := <-done; !errors.Is(a.err, syscall.ECONNRESET) {
			t.Errorf("%+v, want ECONNRESET", a)
		}
	}
	if a := get(t, p.URL()); !errors.Is(a.err, syscall.ECONNREFUSED) {
		t.Errorf("while down: %+v, want ECONNREFUSED", a)
	}
	p.SetTarget(newHTTP(t, func(http.ResponseWriter, *http.Request) {}))
	p.Up()
	if a := get(t, p.URL()); a.err != nil || a.code != 200 {
		t.Errorf("up again: %+v", a)
	}
	if c := p.Counts(); c.Resets != 2 {
		t.Errorf("counts %v, want 2 resets", c)
	}
}

func TestHTTP_BadTarget(t *testing.T) {
	t.Parallel()
	for _, target := range []string{"", "127.0.0.1:80", "https://127.0.0.1", "http://"} {
		r := &recorder{TB: t}
		r.run(func() { fault.HTTP(r, target) })
		if !r.failed {
			t.Errorf("target %q was taken", target)
		}
	}
	r := &recorder{TB: t}
	r.run(func() { fault.HTTP(r, "http://127.0.0.1:1").SetTarget("ftp://x") })
	if !r.failed {
		t.Error("a bad new target was taken")
	}
}

// A proxy must end though its requests are held up in every way.
func TestHTTP_EndsWithItsTest(t *testing.T) {
	t.Parallel()
	faults := []fault.Fault{
		fault.Hang{}, fault.Hang{AfterServer: true}, fault.Bandwidth{BytesPerSecond: 1},
		fault.Delay{Time: time.Hour}, fault.Delay{Time: time.Hour, AfterServer: true},
	}
	for _, f := range faults {
		t.Run(f.String(), func(t *testing.T) {
			t.Parallel()
			url := newHTTP(t, func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "answer") })
			r := &recorder{TB: t, failed: true}
			done := make(chan answer, 1)
			r.run(func() {
				p := fault.HTTP(r, url)
				rule := p.Add(fault.Rule{Fault: f})
				go func() { done <- do(t, http.MethodPost, p.URL(), strings.NewReader("body")) }()
				if err := rule.Wait(t.Context(), 1); err != nil {
					t.Error(err)
				}
			})
			if a := <-done; !errors.Is(a.err, syscall.ECONNRESET) && !errors.Is(a.err, io.ErrUnexpectedEOF) {
				t.Errorf("client: %+v, want a broken connection", a)
			}
			if len(r.log) != 1 || !strings.Contains(r.log[0], "FAULT_SEED=") || !strings.Contains(r.log[0], "met 1 of 1") {
				t.Errorf("log %q, want the seed and the counts", r.log)
			}
		})
	}
}

func TestHTTP_ClientsThatGiveUpAreForgotten(t *testing.T) {
	t.Parallel()
	var served atomic.Int64
	p := fault.HTTP(t, newHTTP(t, func(http.ResponseWriter, *http.Request) { served.Add(1) }))
	rule := p.Add(fault.Rule{Fault: fault.Hang{}})
	client := newClient(t)
	client.Timeout = 50 * time.Millisecond
	_, err := client.Post(p.URL(), "text/plain", strings.NewReader("x"))
	var timeout net.Error
	if !errors.As(err, &timeout) || !timeout.Timeout() {
		t.Errorf("%v, want a timeout", err)
	}
	if rule.Injected() != 1 || served.Load() != 0 {
		t.Errorf("%d hung, %d served; want 1 and 0", rule.Injected(), served.Load())
	}
	if c := p.Counts(); c.Unreachable != 0 {
		t.Errorf("counts %v", c)
	}
}
