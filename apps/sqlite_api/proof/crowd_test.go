package proof

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"fnregistry.dev/functions/infra/sqlite/sqliteopen"
)

// clientAt is a client with one connection at most, from an address of this
// machine: for the server another client than those of other addresses.
func clientAt(t *testing.T, address string) *http.Client {
	t.Helper()
	dialer := &net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(address)}}
	transport := &http.Transport{DialContext: dialer.DialContext, MaxConnsPerHost: 1}
	t.Cleanup(transport.CloseIdleConnections)
	return &http.Client{Transport: transport, Timeout: 60 * time.Second}
}

// openFiles is how many file descriptors the process has.
func openFiles(t *testing.T, s *server) int {
	t.Helper()
	entries, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", s.cmd.Process.Pid))
	if err != nil {
		t.Skip(err)
	}
	return len(entries)
}

// stream reads a stream of changes until it ends, and counts its events.
type stream struct {
	status int
	body   string // of a refusal
	other  atomic.Int64
	close  func()
}

func openStream(t *testing.T, s *server, address string) *stream {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	t.Cleanup(cancel)
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, s.url+"/api/v1/h/changes", nil)
	if err != nil {
		t.Fatal(err)
	}
	client := clientAt(t, address)
	client.Timeout = 0
	res, err := client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	one := &stream{status: res.StatusCode, close: cancel}
	if res.StatusCode != http.StatusOK {
		body, _ := io.ReadAll(res.Body)
		one.body = string(body)
		res.Body.Close()
		return one
	}
	go func() {
		defer res.Body.Close()
		for lines := bufio.NewScanner(res.Body); lines.Scan(); {
			if lines.Text() == "event: other" {
				one.other.Add(1)
			}
		}
	}()
	return one
}

// A thousand connections at once, a quarter of them streams and half of the
// others of one greedy address: all are answered, each stream has its event,
// memory and file descriptors are bounded and given back.
func TestThousandConnections(t *testing.T) {
	eachDriver(t, func(t *testing.T, program string) {
		path := hostileFile(t, "wal")
		s := serve(t, program, path)
		s.get(t, "/h/tables/t")
		before := openFiles(t, s)

		var streams []*stream
		for i := range 240 {
			one := openStream(t, s, fmt.Sprintf("127.0.1.%d", 1+i%8))
			if one.status != http.StatusOK {
				t.Fatalf("stream %d: %d %s", i, one.status, one.body)
			}
			streams = append(streams, one)
		}
		refused := 0
		var greedy []*stream
		for range 70 {
			one := openStream(t, s, "127.0.2.1")
			if greedy = append(greedy, one); one.status == http.StatusOK {
				continue
			}
			refused++
			if one.status != http.StatusServiceUnavailable || !strings.Contains(one.body, "too many streams") || !strings.Contains(one.body, "close those") {
				t.Errorf("%d %s", one.status, one.body)
			}
		}
		if refused != 6 {
			t.Errorf("%d of 70 streams of one address were refused, want 6", refused)
		}
		for _, one := range greedy {
			one.close()
		}
		within(t, 60*time.Second, "a stream again", func() bool {
			one := openStream(t, s, "127.0.2.1")
			defer one.close()
			return one.status == http.StatusOK
		})

		const connections = 760
		paths := []string{
			"/api/v1/h/tables/t/rows?limit=20", "/api/v1/h/tables/t/rows?format=csv", "/api/v1/h/tables/t/rows/7", "/api/v1/h/tables/t/facets?column=secret",
			"/api/v1/h/tables", "/h/tables/t", "/api/v1/h/query?sql=SELECT+count(*)+FROM+t", "/h/", "/api/v1/h/tables/t/rows?name=like.*9*&count=exact&order=name",
		}
		until := time.Now().Add(4 * time.Second)
		answers, slowest := make([]int, connections), make([]time.Duration, connections)
		var all sync.WaitGroup
		for i := range connections {
			all.Go(func() {
				address := "127.0.3.1"
				if i%2 == 0 {
					address = fmt.Sprintf("127.0.4.%d", 1+i/2%38)
				}
				client := clientAt(t, address)
				defer client.CloseIdleConnections()
				for n := 0; n == 0 || time.Now().Before(until); n++ {
					began := time.Now()
					status, body, err := s.ask(client, http.MethodGet, paths[(i+n)%len(paths)], "")
					slowest[i] = max(slowest[i], time.Since(began))
					if err == nil && status == http.StatusOK {
						answers[i]++
					} else if err != nil || status != http.StatusServiceUnavailable || !strings.Contains(body, "try again") {
						t.Errorf("%s %s: %d, %v, %.300s", address, paths[(i+n)%len(paths)], status, err, body)
					}
				}
			})
		}
		most := 0
		done := make(chan struct{})
		go func() { all.Wait(); close(done) }()
		for running := true; running; {
			select {
			case <-done:
				running = false
			case <-time.After(50 * time.Millisecond):
				most = max(most, openFiles(t, s))
			}
		}
		var sums [2]int
		var worst [2]time.Duration
		for i, n := range answers {
			sums[i%2] += n
			worst[i%2] = max(worst[i%2], slowest[i])
			if n == 0 {
				t.Errorf("connection %d was never answered", i)
			}
		}
		// Each stream sees that another program writes.
		writer, err := sqliteopen.SQLiteOpen(t.Context(), sqliteopen.SQLiteOpenConfig{Path: path})
		if err != nil {
			t.Fatal(err)
		}
		defer writer.Close()
		if _, err := writer.Writer.ExecContext(t.Context(), "UPDATE t SET name = 'x' WHERE id = 1"); err != nil {
			t.Fatal(err)
		}
		within(t, 60*time.Second, "an event on each stream", func() bool {
			for _, one := range streams {
				if one.other.Load() == 0 {
					return false
				}
			}
			return true
		})
		peak := peakMB(t, s)
		t.Logf("%d streams and %d connections: %d answers to 38 addresses, slowest %v; %d to one greedy address, slowest %v; at most %d file descriptors and %d MB",
			len(streams), connections, sums[0], worst[0].Round(time.Millisecond), sums[1], worst[1].Round(time.Millisecond), most, peak)
		// Half of the connections are of the greedy address. As long as the
		// server keeps up they get half of the answers; when it doesn't, less.
		if sums[1] > 3*sums[0] {
			t.Error("one address starves all others")
		}
		if most > before+1000+200 || peak > 400 {
			t.Errorf("%d file descriptors, %d MB", most, peak)
		}
		for _, one := range streams {
			one.close()
		}
		within(t, 60*time.Second, "the file descriptors are given back", func() bool { return openFiles(t, s) < before+100 })
	})
}
