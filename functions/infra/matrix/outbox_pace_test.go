package matrix

import (
	"testing"
	"time"
)

func TestOutboxPace(t *testing.T) {
	t.Parallel()
	var p outboxPace
	start := time.Unix(1_800_000_000, 0)
	for _, step := range []struct {
		at   time.Duration
		took time.Duration // 0: nothing happens
		want time.Duration
	}{
		{0, time.Second, time.Second},
		{10 * time.Second, 3 * time.Second, 3 * time.Second},
		{59 * time.Second, 2 * time.Second, 3 * time.Second},
		{61 * time.Second, time.Second, 3 * time.Second},
		{119 * time.Second, 0, 3 * time.Second},
		{122 * time.Second, 0, time.Second},
		{300 * time.Second, 0, 0},
	} {
		now := start.Add(step.at)
		if step.took > 0 {
			p.note(step.took, now)
		}
		if got := p.slowest(now); got != step.want {
			t.Errorf("after %v: slowest %v, want %v", step.at, got, step.want)
		}
	}
}

func TestOutboxPace_Stored(t *testing.T) {
	t.Parallel()
	var p outboxPace
	start := time.Unix(1_800_000_000, 0)
	for _, step := range []struct {
		at, took, want time.Duration // want 0: nothing is stored
	}{
		{0, 100 * time.Millisecond, 0},
		{time.Second, time.Second, time.Second},
		{2 * time.Second, 1200 * time.Millisecond, 0},
		{3 * time.Second, 10 * time.Second, 10 * time.Second},
		{4 * time.Second, time.Second, 0},
		{62 * time.Second, time.Second, 0},
		{64 * time.Second, time.Second, 10 * time.Second}, // the slow minute is not over yet
		{130 * time.Second, time.Second, time.Second},
	} {
		now := start.Add(step.at)
		p.note(step.took, now)
		if got, _ := p.toStore(now); got != step.want {
			t.Errorf("after %v: stores %v, want %v", step.at, got, step.want)
		}
	}
}
