package browser

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// recorder is a testing.TB that records failures.
type recorder struct {
	testing.TB
	mu     sync.Mutex
	failed []string

	defers bool // Cleanup's functions are run by cleanup, not at the test's end
	ends   []func()
}

func (r *recorder) Cleanup(end func()) {
	if !r.defers {
		r.TB.Cleanup(end)
		return
	}
	r.ends = append(r.ends, end)
}

// cleanup does what happens at the end of a test.
func (r *recorder) cleanup() {
	for _, end := range slices.Backward(r.ends) {
		end()
	}
}

func (r *recorder) Errorf(format string, args ...any) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.failed = append(r.failed, fmt.Sprintf(format, args...))
}

func (r *recorder) Error(args ...any) { r.Errorf("%s", fmt.Sprint(args...)) }

func (r *recorder) all() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return strings.Join(r.failed, "\n")
}

// TestPage_Finds: each check detects its problem, and reports nothing
// otherwise.
func TestPage_Finds(t *testing.T) {
	pages := map[string]string{
		"/good":     `<!DOCTYPE html><html lang="en"><title>Good</title><main><h1>Good</h1></main></html>`,
		"/contrast": `<!DOCTYPE html><html lang="en"><title>Pale</title><main><h1 style="color:#eee;background:#fff">Pale</h1></main></html>`,
		"/label":    `<!DOCTYPE html><html lang="en"><title>Form</title><main><h1>Form</h1><input></main></html>`,
		"/wide":     `<!DOCTYPE html><html lang="en"><title>Wide</title><main><h1 style="width:3000px">Wide</h1></main></html>`,
		"/thrown":   `<!DOCTYPE html><html lang="en"><title>Throws</title><main><h1>x</h1></main><script>throw new Error("thrown")</script></html>`,
		"/inline":   `<!DOCTYPE html><html lang="en"><title>Refused</title><main><h1>x</h1></main><script>1</script></html>`,
	}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/html")
		if r.URL.Path == "/inline" {
			w.Header().Set("Content-Security-Policy", "default-src 'self'")
		}
		fmt.Fprint(w, pages[r.URL.Path])
	}))
	t.Cleanup(server.Close)
	r := &recorder{TB: t}
	p := Open(r)
	check := func(path, want string, act func()) {
		t.Helper()
		before := len(r.all())
		p.Go(server.URL + path)
		act()
		if got := r.all()[before:]; (want == "") != (got == "") || !strings.Contains(got, want) {
			t.Errorf("%s: %q, want %q", path, got, want)
		}
	}
	check("/good", "", func() {
		p.Accessible()
		p.NoWiderThanTheScreen()
		p.Screenshot(filepath.Join(t.TempDir(), "good.png"))
	})
	check("/contrast", "color-contrast", p.Accessible)
	check("/label", "label", p.Accessible)
	check("/wide", "pixels wide", p.NoWiderThanTheScreen)
	waitFor := func(text string) func() {
		return func() {
			for range 1000 {
				if strings.Contains(r.all(), text) {
					return
				}
				p.Until("true") // a round trip to the browser
			}
		}
	}
	check("/thrown", "Uncaught", waitFor("Uncaught"))
	check("/inline", "Content Security Policy", waitFor("Content Security Policy"))
	p.Theme("dark")
	if p.Text(`String(matchMedia("(prefers-color-scheme: dark)").matches)`) != "true" {
		t.Error("the theme is not dark")
	}
}

// TestPage_EndsWithItsTest: an event of the page after the test has ended would
// end the whole run.
func TestPage_EndsWithItsTest(t *testing.T) {
	r := &recorder{TB: t, defers: true}
	p := Open(r)
	ended, seen := make(chan struct{}), make(chan bool, 1)
	watch(p, func(yield func(string, error) bool) { // an event that comes late
		<-p.Ctx.Done()
		select {
		case <-ended:
		case <-time.After(3 * time.Second): // longer than Chromium needs to end
		}
		yield("late", nil)
	}, func(event string) string {
		select {
		case <-ended:
			seen <- true
		default:
			seen <- false
		}
		return event
	})
	r.cleanup()
	close(ended)
	if <-seen {
		t.Error("the page is watched after its test has ended")
	}
}
