package progress_test

import (
	"testing"
	"testing/synctest"
	"time"

	"fnregistry.dev/functions/infra/matrix/internal/progress"
)

func TestWatch(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		every time.Duration // a piece comes
		bytes int
		lasts time.Duration // until the transfer is at its end
		want  time.Duration // when it is given up; 0: never
	}{
		"nothing comes":                {time.Hour, 1, 2 * time.Hour, time.Minute},
		"silence after the first byte": {40 * time.Second, 1, 40 * time.Second, 40*time.Second + 30*time.Second},
		"a byte a second":              {time.Second, 1, time.Hour, 5 * time.Minute},
		"slow and steady":              {time.Second, 5000, time.Hour, 0},
		"a quick one":                  {time.Second, 1, 4 * time.Minute, 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				began, stopped := time.Now(), time.Duration(0)
				watch := progress.New(time.Minute, 30*time.Second, 5*time.Minute, func() {
					if stopped == 0 {
						stopped = time.Since(began)
					}
				})
				for time.Since(began) < c.lasts {
					time.Sleep(c.every)
					if stopped > 0 {
						break
					}
					watch.Moved(c.bytes)
				}
				if name == "silence after the first byte" {
					time.Sleep(time.Hour)
				}
				watch.End()
				time.Sleep(time.Hour)
				synctest.Wait()
				if diff := stopped - c.want; diff < 0 || diff > time.Second {
					t.Errorf("given up after %v, want %v", stopped, c.want)
				}
			})
		})
	}
}
