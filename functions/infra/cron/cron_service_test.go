package cron

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"fnregistry.dev/functions/core"
	"fnregistry.dev/functions/infra/service"
	"fnregistry.dev/functions/infra/service/servicetest"
)

// world is a service in virtual time (starting on 2000-01-01 00:00 UTC, a
// Saturday) with a wall clock that a test can adjust.
type world struct {
	*testing.T
	service *CronServiceHandle
	shift   atomic.Int64 // of the wall clock against the timers' clock

	mu   sync.Mutex
	runs []CronRun
}

func newWorld(t *testing.T, jobs ...CronJob) *world {
	w := &world{T: t}
	for i := range jobs {
		if jobs[i].Location == nil {
			jobs[i].Location = time.UTC
		}
	}
	service, err := start(t.Context(), CronServiceConfig{Jobs: jobs, OnRun: w.onRun}, w.now)
	if err != nil {
		t.Fatal(err)
	}
	w.service = service
	return w
}

func (w *world) now() time.Time {
	return time.Now().Round(0).Add(time.Duration(w.shift.Load())).UTC()
}

func (w *world) onRun(run CronRun) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.runs = append(w.runs, run)
}

// pass advances the virtual time; it ends between two ticks of the clock.
func (w *world) pass(d time.Duration) {
	time.Sleep(d + time.Millisecond)
	synctest.Wait()
}

func (w *world) stop() {
	w.Helper()
	if err := w.service.Stop(w.Context()); err != nil {
		w.Error(err)
	}
}

// told returns the runs so far as "outcome scheduled started missed", with
// times as day and time.
func (w *world) told() []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	var all []string
	short := func(t time.Time) string {
		if t.IsZero() {
			return "-"
		}
		return t.UTC().Format("02T15:04:05")
	}
	for _, r := range w.runs {
		all = append(all, fmt.Sprintf("%s %s %s %s", r.Outcome, short(r.Scheduled), short(r.Started), short(r.Missed)))
	}
	return all
}

func (w *world) want(want ...string) {
	w.Helper()
	if got := w.told(); !slices.Equal(got, want) {
		w.Errorf("got\n\t%s\nwant\n\t%s", strings.Join(got, "\n\t"), strings.Join(want, "\n\t"))
	}
}

func (w *world) status(name string) CronJobStatus {
	w.Helper()
	for _, status := range w.service.Status() {
		if status.Name == name {
			return status
		}
	}
	w.Fatalf("no job %s", name)
	return CronJobStatus{}
}

func quick(context.Context) error { return nil }

// lasting returns a job that takes d, or ends earlier with its context.
func lasting(d time.Duration) func(context.Context) error {
	return func(ctx context.Context) error {
		select {
		case <-time.After(d):
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

func TestCronService_RunsOnSchedule(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t,
			CronJob{Name: "a", Schedule: "*/20 * * * *", Run: quick},
			CronJob{Name: "b", Schedule: "30 0 * * *", Run: func(context.Context) error { return errors.New("no disk") }})
		w.pass(time.Hour)
		w.want("ok 01T00:20:00 01T00:20:00 -", "failed 01T00:30:00 01T00:30:00 -", "ok 01T00:40:00 01T00:40:00 -", "ok 01T01:00:00 01T01:00:00 -")
		a, b := w.status("a"), w.status("b")
		if a.Runs != 3 || a.Failures != 0 || a.Running != 0 || a.Next.Format(time.TimeOnly) != "01:20:00" {
			t.Errorf("a: %+v", a)
		}
		if b.Runs != 1 || b.Failures != 1 || b.Last.Err.Error() != "no disk" || b.Next.Format(time.DateTime) != "2000-01-02 00:30:00" {
			t.Errorf("b: %+v", b)
		}
		w.stop()
		w.pass(24 * time.Hour)
		if n := len(w.told()); n != 4 {
			t.Errorf("%d runs after Stop", n-4)
		}
	})
}

// The schedule follows the location: midnight in Auckland is 11:00 UTC in
// January.
func TestCronService_Location(t *testing.T) {
	t.Parallel()
	auckland, err := time.LoadLocation("Pacific/Auckland")
	if err != nil {
		t.Fatal(err)
	}
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, CronJob{Name: "a", Schedule: "@daily", Location: auckland, Run: quick})
		w.pass(24 * time.Hour)
		w.want("ok 01T11:00:00 01T11:00:00 -")
		w.stop()
	})
}

func TestCronService_Overlap(t *testing.T) {
	t.Parallel()
	for policy, want := range map[CronOverlap][]string{
		"":               {"skipped 01T00:02:00 - -", "skipped 01T00:03:00 - -", "ok 01T00:01:00 01T00:01:00 -", "skipped 01T00:05:00 - -"},
		CronOverlapSkip:  {"skipped 01T00:02:00 - -", "skipped 01T00:03:00 - -", "ok 01T00:01:00 01T00:01:00 -", "skipped 01T00:05:00 - -"},
		CronOverlapQueue: {"skipped 01T00:03:00 - -", "ok 01T00:01:00 01T00:01:00 -", "skipped 01T00:05:00 - -"},
		CronOverlapAllow: {"ok 01T00:01:00 01T00:01:00 -", "ok 01T00:02:00 01T00:02:00 -"},
	} {
		t.Run("policy "+string(policy), func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t, CronJob{Name: "a", Schedule: "* * * * *", Run: lasting(150 * time.Second), Overlap: policy})
				w.pass(5*time.Minute + 10*time.Second)
				w.want(want...)
				status := w.status("a")
				running, queued := 1, false
				switch policy {
				case CronOverlapQueue:
					queued = true // that of 00:02 has been running since 00:03:30, that of 00:04 waits
				case CronOverlapAllow:
					running = 3
				}
				if status.Running != running || status.Queued != queued {
					t.Errorf("running %d, queued %t, want %d, %t", status.Running, status.Queued, running, queued)
				}
				w.stop() // waits for the running job, drops the queued one
				if got := w.told()[len(want):]; len(got) != running {
					t.Errorf("after Stop: %q", got)
				}
			})
		})
	}
}

func TestCronService_Jitter(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, CronJob{Name: "a", Schedule: "0 * * * *", Jitter: 10 * time.Minute, Missed: CronMissedSkip, Run: quick})
		w.pass(50*time.Hour + 10*time.Minute)
		var late []time.Duration
		for i, run := range w.runs {
			if want := time.Date(2000, 1, 1, i+1, 0, 0, 0, time.UTC); !run.Scheduled.Equal(want) || !run.Missed.IsZero() {
				t.Errorf("run %d: scheduled %s, missed %s", i, run.Scheduled, run.Missed)
			}
			late = append(late, run.Started.Sub(run.Scheduled))
		}
		if len(late) != 50 || slices.Min(late) < 0 || slices.Max(late) >= 10*time.Minute {
			t.Fatalf("starts after the schedule: %v", late)
		}
		if slices.Max(late)-slices.Min(late) < time.Minute { // 50 of 600 seconds within one minute: once in 10^48
			t.Errorf("not spread: %v", late)
		}
		w.stop()
	})
}

func TestCronService_Timeout(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t,
			CronJob{Name: "obeys", Schedule: "0 * * * *", Timeout: time.Minute, Run: lasting(time.Hour)},
			CronJob{Name: "in time", Schedule: "10 * * * *", Timeout: time.Minute, Run: lasting(59 * time.Second)})
		w.pass(70*time.Minute + time.Minute)
		w.want("ok 01T00:10:00 01T00:10:00 -", "timeout 01T01:00:00 01T01:00:00 -", "ok 01T01:10:00 01T01:10:00 -")
		last := w.status("obeys").Last
		if core.ErrorCode(last.Err) != core.CodeTimeout || last.Finished.Sub(last.Started) != time.Minute {
			t.Errorf("%v after %s", last.Err, last.Finished.Sub(last.Started))
		}
		w.stop()
	})
}

func TestCronService_Panic(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t,
			CronJob{Name: "panics", Schedule: "0 * * * *", Run: func(context.Context) error { panic("out of cheese") }},
			CronJob{Name: "leaves", Schedule: "1 * * * *", Run: func(context.Context) error { runtime.Goexit(); return nil }})
		w.pass(2*time.Hour + time.Minute)
		w.want("panic 01T00:01:00 01T00:01:00 -", "panic 01T01:00:00 01T01:00:00 -", "panic 01T01:01:00 01T01:01:00 -",
			"panic 01T02:00:00 01T02:00:00 -", "panic 01T02:01:00 01T02:01:00 -")
		last := w.status("panics").Last
		if core.ErrorCode(last.Err) != core.CodeInternal || !strings.Contains(last.Err.Error(), "out of cheese") || !strings.Contains(last.Stack, "TestCronService_Panic") {
			t.Errorf("%v\n%s", last.Err, last.Stack)
		}
		if err := w.status("leaves").Last.Err; !strings.Contains(err.Error(), "Goexit") {
			t.Error(err)
		}
		w.stop()
	})
}

func TestCronService_ClockJumpsForward(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name   string
		missed CronMissed
		jump   time.Duration
		want   []string
	}{
		{"once", CronMissedOnce, 3*time.Hour + 30*time.Minute,
			[]string{"ok 01T01:00:00 01T01:00:00 -", "ok 01T04:00:00 01T04:46:00 01T02:00:00", "ok 01T05:00:00 01T05:00:00 -"}},
		{"skip", CronMissedSkip, 3*time.Hour + 30*time.Minute,
			[]string{"ok 01T01:00:00 01T01:00:00 -", "missed 01T04:00:00 - 01T02:00:00", "ok 01T05:00:00 01T05:00:00 -"}},
		{"skip, but the last one is just due", CronMissedSkip, 3*time.Hour - 15*time.Minute - 45*time.Second,
			[]string{"ok 01T01:00:00 01T01:00:00 -", "ok 01T04:00:00 01T04:00:15 01T02:00:00", "ok 01T05:00:00 01T05:00:00 -"}},
		{"nothing was due", CronMissedOnce, 30 * time.Minute,
			[]string{"ok 01T01:00:00 01T01:00:00 -", "ok 01T02:00:00 01T02:00:00 -", "ok 01T03:00:00 01T03:00:00 -"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t, CronJob{Name: "a", Schedule: "0 * * * *", Missed: c.missed, Run: quick})
				w.pass(75*time.Minute + 59*time.Second)
				w.shift.Add(int64(c.jump))
				w.pass(longestSleep) // it checks the clock at least that often
				if c.name != "nothing was due" && len(w.told()) != 2 {
					t.Errorf("not noticed: %q", w.told())
				}
				end := time.Date(2000, 1, 1, 5, 0, 0, 0, time.UTC)
				if c.name == "nothing was due" {
					end = time.Date(2000, 1, 1, 3, 0, 0, 0, time.UTC)
				}
				w.pass(end.Sub(w.now()))
				w.want(c.want...)
				w.stop()
			})
		})
	}
}

func TestCronService_ClockPutBack(t *testing.T) {
	t.Parallel()
	for back, want := range map[time.Duration][]string{
		// ran at 09:00 and not again; waits for 10:00
		2 * time.Hour: {"ok 01T09:00:00 01T09:00:00 -", "ok 01T10:00:00 01T10:00:00 -"},
		// the change counts as a correction: 05:00 is due again, and so on
		5 * time.Hour: {"ok 01T09:00:00 01T09:00:00 -", "ok 01T05:00:00 01T05:00:00 -", "ok 01T06:00:00 01T06:00:00 -", "ok 01T07:00:00 01T07:00:00 -"},
	} {
		t.Run(back.String(), func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t)
				w.shift.Store(int64(8*time.Hour + 30*time.Minute))
				if err := w.service.Set(CronJob{Name: "a", Schedule: "0 * * * *", Location: time.UTC, Run: quick}); err != nil {
					t.Fatal(err)
				}
				w.pass(45 * time.Minute)
				w.shift.Add(-int64(back))
				w.pass(3 * time.Hour)
				w.want(want...)
				w.stop()
			})
		})
	}
}

func TestCronService_Since(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t,
			CronJob{Name: "a", Schedule: "0 6 * * *", Since: time.Date(1999, 12, 29, 6, 0, 5, 0, time.UTC), Run: quick},
			CronJob{Name: "b", Schedule: "@every 7h", Since: time.Date(1999, 12, 31, 1, 0, 0, 0, time.UTC), Run: quick})
		w.pass(time.Second)
		got := w.told()
		slices.Sort(got)
		if want := []string{"ok 31T06:00:00 01T00:00:00 30T06:00:00", "ok 31T22:00:00 01T00:00:00 31T08:00:00"}; !slices.Equal(got, want) {
			t.Errorf("got %q, want %q", got, want)
		}
		if next := w.status("a").Next; next.Format(time.DateTime) != "2000-01-01 06:00:00" {
			t.Error(next)
		}
		if next := w.status("b").Next; next.Format(time.DateTime) != "2000-01-01 07:00:00" {
			t.Error(next)
		}
		w.stop()
	})
}

// A month of seconds is skipped at once rather than counted one by one.
func TestCronService_ManyMissed(t *testing.T) {
	t.Parallel()
	now := time.Date(2000, 2, 1, 0, 0, 0, 5e8, time.UTC)
	for expr, want := range map[string]string{
		"* * * * * *":        "2000-02-01 00:00:00",
		"* * 3 * * *":        "2000-01-31 03:59:59",
		"0 12 2 1 *":         "2000-01-02 12:00:00",
		"0 59 23 31 12,1 *":  "2000-01-31 23:59:00",
		"0 0 * * *":          "2000-02-01 00:00:00",
		"@every 168h":        "2000-01-29 00:00:00",
		"30 4 * * 1":         "2000-01-31 04:30:00",
		"15 10,20 1-5,9 * *": "2000-01-09 20:15:00",
	} {
		j, err := newJob(CronJob{Name: "a", Schedule: expr, Location: time.UTC, Run: quick}, time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC))
		if err != nil {
			t.Fatal(err)
		}
		if got := j.lastDue(now).Format(time.DateTime); got != want {
			t.Errorf("%s: got %s, want %s", expr, got, want)
		}
	}
}

func TestCronService_SetAndRemove(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, CronJob{Name: "a", Schedule: "0 * * * *", Run: lasting(100 * time.Minute)})
		w.pass(time.Hour)
		if err := w.service.Set(CronJob{Name: "a", Schedule: "*/30 * * * *", Location: time.UTC, Run: quick}); err != nil {
			t.Fatal(err)
		}
		if err := w.service.Set(CronJob{Name: "a", Schedule: "61 * * * *", Run: quick}); core.ErrorCode(err) != core.CodeInvalid {
			t.Errorf("got %v", err)
		}
		// the old run counts for the overlap policy, even after its job was
		// removed and set again
		w.pass(30 * time.Minute)
		if !w.service.Remove("a") || w.service.Remove("a") || len(w.service.Status()) != 0 {
			t.Error("Remove")
		}
		if err := w.service.Set(CronJob{Name: "a", Schedule: "*/30 * * * *", Location: time.UTC, Run: quick}); err != nil {
			t.Fatal(err)
		}
		w.pass(90 * time.Minute)
		w.want("skipped 01T01:30:00 - -", "skipped 01T02:00:00 - -", "skipped 01T02:30:00 - -", "ok 01T01:00:00 01T01:00:00 -", "ok 01T03:00:00 01T03:00:00 -")
		w.stop()
		if err := w.service.Set(CronJob{Name: "b", Schedule: "@daily", Run: quick}); core.ErrorCode(err) != core.CodeUnavailable {
			t.Errorf("Set after Stop: %v", err)
		}
	})
}

func TestCronService_StopWaits(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, CronJob{Name: "a", Schedule: "0 * * * *", Run: lasting(10 * time.Minute)})
		w.pass(time.Hour)
		began := time.Now()
		var stops sync.WaitGroup
		for range 3 {
			stops.Go(w.stop)
		}
		stops.Wait()
		w.stop()
		if waited := time.Since(began); waited < 9*time.Minute || waited > 10*time.Minute {
			t.Errorf("waited %s", waited)
		}
		w.want("ok 01T01:00:00 01T01:00:00 -")
	})
}

func TestCronService_StopDeadline(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t,
			CronJob{Name: "obeys", Schedule: "0 * * * *", Run: lasting(time.Hour)},
			CronJob{Name: "deaf", Schedule: "0 * * * *", Run: func(context.Context) error { time.Sleep(time.Hour); return nil }})
		w.pass(time.Hour)
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		began := time.Now()
		err := w.service.Stop(ctx)
		if core.ErrorCode(err) != core.CodeTimeout || !strings.HasSuffix(err.Error(), "cut off: deaf, obeys; still running: deaf: context deadline exceeded") {
			t.Errorf("got %v", err)
		}
		if waited := time.Since(began); waited != time.Minute {
			t.Errorf("waited %s", waited)
		}
		w.want("canceled 01T01:00:00 01T01:00:00 -")
		w.stop() // without a deadline
		w.want("canceled 01T01:00:00 01T01:00:00 -", "ok 01T01:00:00 01T01:00:00 -")
	})
}

func TestCronService_ContextEndsIt(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		var ended atomic.Int32
		service, err := CronService(ctx, CronServiceConfig{Jobs: []CronJob{{Name: "a", Schedule: "* * * * *", Overlap: CronOverlapQueue, Run: func(ctx context.Context) error {
			<-ctx.Done()
			ended.Add(1)
			return ctx.Err()
		}}}})
		if err != nil {
			t.Fatal(err)
		}
		time.Sleep(150 * time.Second)
		cancel()
		synctest.Wait()
		if ended.Load() != 1 { // the queued one does not start
			t.Errorf("%d runs ended", ended.Load())
		}
		if err := service.Stop(t.Context()); err != nil {
			t.Error(err)
		}
		if err := service.Set(CronJob{Name: "b", Schedule: "@daily", Run: quick}); core.ErrorCode(err) != core.CodeUnavailable {
			t.Errorf("Set: %v", err)
		}
	})
}

func TestCronService_Conformance(t *testing.T) {
	t.Parallel()
	servicetest.ServiceConformance(t, func(_ *testing.T, ctx context.Context) (service.Service, error) {
		return CronService(ctx, CronServiceConfig{Jobs: []CronJob{{
			Name: "a", Schedule: "* * * * * *",
			Run: func(ctx context.Context) error {
				<-ctx.Done()
				return ctx.Err()
			},
		}}})
	})
}

func TestCronService_BadJobs(t *testing.T) {
	t.Parallel()
	ok := CronJob{Name: "a", Schedule: "@daily", Run: quick}
	change := func(f func(*CronJob)) []CronJob { j := ok; f(&j); return []CronJob{j} }
	for want, jobs := range map[string][]CronJob{
		"a job without a name":           change(func(j *CronJob) { j.Name = "" }),
		"Run is nil":                     change(func(j *CronJob) { j.Run = nil }),
		"day of month and month":         change(func(j *CronJob) { j.Schedule = "0 0 31 2 *" }),
		"has 1 fields":                   change(func(j *CronJob) { j.Schedule = "x" }),
		"jitter and timeout":             change(func(j *CronJob) { j.Jitter = -1 }),
		`unknown overlap policy "often"`: change(func(j *CronJob) { j.Overlap = "often" }),
		"unknown policy for missed runs": change(func(j *CronJob) { j.Missed = "often" }),
		"two jobs have this name":        {ok, ok},
	} {
		service, err := CronService(t.Context(), CronServiceConfig{Jobs: jobs})
		if service != nil || err == nil {
			t.Fatalf("%s: got %v", want, err)
		}
		code := core.CodeInvalid
		if len(jobs) > 1 {
			code = core.CodeConflict
		}
		if text := err.Error() + core.ErrorHint(err); core.ErrorCode(err) != code || !strings.Contains(text, want) {
			t.Errorf("got %s, %s; want %s", core.ErrorCode(err), text, want)
		}
	}
}

// The same in real time: the default clock is the system's.
func TestCronService_RealClock(t *testing.T) {
	t.Parallel()
	runs := make(chan CronRun, 10)
	service, err := CronService(t.Context(), CronServiceConfig{
		Jobs:  []CronJob{{Name: "a", Schedule: "* * * * * *", Run: quick}},
		OnRun: func(run CronRun) { runs <- run },
	})
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if run := <-runs; run.Started.Before(run.Scheduled) {
			t.Errorf("started at %s, before %s", run.Started, run.Scheduled)
		}
	}
	if err := service.Stop(t.Context()); err != nil {
		t.Error(err)
	}
}
