package matrixoutbox

import (
	"testing"
	"testing/synctest"
	"time"
)

func TestGate(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		g, began := newGate(), time.Now()
		passed := func(want time.Duration) {
			t.Helper()
			if !g.wait(nil) || time.Since(began) != want {
				t.Errorf("passed after %v, want %v", time.Since(began), want)
			}
		}
		passed(0)
		g.hold(time.Minute, false)
		g.hold(time.Second, false) // does not shorten the other
		passed(time.Minute)

		// A rate limit does not end because the server answers.
		g.hold(time.Minute, false)
		g.works()
		passed(2 * time.Minute)

		// Missing credentials do.
		g.hold(time.Hour, true)
		news := g.news()
		go func() {
			time.Sleep(time.Minute)
			g.works()
		}()
		if !g.needsCredentials() {
			t.Error("credentials are not wanted")
		}
		passed(3 * time.Minute)
		<-news
		if g.needsCredentials() {
			t.Error("credentials are still wanted")
		}

		g.hold(time.Hour, false)
		stopping := make(chan struct{})
		close(stopping)
		if g.wait(stopping) {
			t.Error("passed while stopping")
		}
	})
}
