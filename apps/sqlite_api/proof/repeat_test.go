package proof

import (
	"fmt"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"
)

// A client whose connection breaks while it waits for an answer repeats its
// request with the same Idempotency-Key: the row is inserted once.
func TestRepeat_LostAnswer(t *testing.T) {
	eachDriver(t, func(t *testing.T, program string) {
		path := newFile(t, "d.db", "CREATE TABLE t (id INTEGER PRIMARY KEY, a)")
		s := serve(t, program, "--write", "--token-file", newToken(t), path)
		host := strings.TrimPrefix(s.url, "http://")
		request := func(n int) string {
			body := fmt.Sprintf(`[{"a": %d}, {"a": %d}]`, n, n)
			return fmt.Sprintf("POST /api/v1/d/tables/t/rows HTTP/1.1\r\nHost: %s\r\nAuthorization: Bearer %s\r\nContent-Type: application/json\r\n"+
				"Idempotency-Key: \"key-%d\"\r\nContent-Length: %d\r\nConnection: close\r\n\r\n%s", host, token, n, len(body), body)
		}
		repeat := func(n int) (status int, replayed string) {
			req, err := http.NewRequest(http.MethodPost, s.url+"/api/v1/d/tables/t/rows", strings.NewReader(fmt.Sprintf(`[{"a": %d}, {"a": %d}]`, n, n)))
			if err != nil {
				t.Fatal(err)
			}
			req.Header.Set("Authorization", "Bearer "+token)
			req.Header.Set("Content-Type", "application/json")
			req.Header.Set("Idempotency-Key", fmt.Sprintf("\"key-%d\"", n))
			res, err := client.Do(req)
			if err != nil {
				t.Error(err)
				return 0, ""
			}
			res.Body.Close()
			return res.StatusCode, res.Header.Get("Idempotency-Replayed")
		}
		const requests = 25
		lost := 0
		for n := range requests {
			conn, err := net.Dial("tcp", host)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := conn.Write([]byte(request(n))); err != nil {
				t.Fatal(err)
			}
			time.Sleep(time.Duration(n) * time.Millisecond / 3) // before, while or after it is written
			_ = conn.Close()                                    // the answer is lost
			// Several tries at once, as of impatient clients.
			var tries sync.WaitGroup
			for range 3 {
				tries.Go(func() {
					for {
						status, _ := repeat(n)
						if status == http.StatusConflict { // the first one still runs
							time.Sleep(5 * time.Millisecond)
							continue
						}
						if status != http.StatusCreated {
							t.Errorf("request %d: %d", n, status)
						}
						return
					}
				})
			}
			tries.Wait()
			if status, replayed := repeat(n); status != http.StatusCreated || replayed != "true" {
				t.Errorf("request %d once more: %d, replayed %q", n, status, replayed)
			} else {
				lost++
			}
		}
		if got := s.get(t, "/api/v1/d/query?format=csv&sql=SELECT+count(*),+count(DISTINCT+a)+FROM+t"); !strings.HasSuffix(got, fmt.Sprintf("\r\n%d,%d\r\n", 2*requests, requests)) {
			t.Errorf("rows and requests: %q", got)
		}
		t.Logf("%d requests were repeated, none was made twice", lost)
	})
}
