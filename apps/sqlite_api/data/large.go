package data

import (
	"context"

	"fnregistry.dev/functions/core"
)

// Values above largeBytes are held by so many requests at once that they have
// largeUnits times as many bytes together: a client may take a minute to read
// one, and SQLite has 256 MiB for all.
const (
	largeBytes = 1 << 20
	largeUnits = 64
)

// large shares out units of largeBytes, in the order of who asks.
type large struct {
	turn  chan struct{} // holds a value while somebody waits for units
	units chan struct{} // holds a value for each unit in use
}

func newLarge() *large {
	return &large{turn: make(chan struct{}, 1), units: make(chan struct{}, largeUnits)}
}

// take waits until values of so many bytes may be read. What is larger than all
// units together is read alone.
func (l *large) take(ctx context.Context, bytes int64) (leave func(), err error) {
	want := int(min(bytes/largeBytes+1, largeUnits))
	ctx, cancel := context.WithTimeout(ctx, streamWait)
	defer cancel()
	taken := 0
	leave = func() {
		for range taken {
			<-l.units
		}
	}
	refused := func() (func(), error) {
		leave()
		return nil, &core.Error{
			Code: core.CodeUnavailable, Message: "too many large values are being read", Hint: "try again", RetryAfter: streamWait, Err: ctx.Err(),
		}
	}
	select {
	case l.turn <- struct{}{}:
		defer func() { <-l.turn }()
	case <-ctx.Done():
		return refused()
	}
	for taken < want {
		select {
		case l.units <- struct{}{}:
			taken++
		case <-ctx.Done():
			return refused()
		}
	}
	return leave, nil
}
