package matrixroom

import (
	"context"
	"errors"
	"math/rand/v2"
	"slices"
	"time"

	"maunium.net/go/mautrix"

	"fnregistry.dev/functions/core"
	"fnregistry.dev/functions/infra/matrix"
)

// run is the policy's goroutine.
func (p *MatrixJoinPolicyHandle) run(ctx context.Context) {
	defer func() {
		p.mu.Lock()
		p.ended = true
		p.mu.Unlock()
	}()
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		task, wait := p.next(time.Now())
		if task != nil {
			p.do(ctx, task)
			wait = p.interval()
		}
		timer.Reset(wait)
		select {
		case <-ctx.Done():
			return
		case <-timer.C:
			continue
		case <-p.wake:
		}
		if task != nil { // the interval holds for what has just come, too
			select {
			case <-ctx.Done():
				return
			case <-timer.C:
			}
		}
	}
}

// joinIdle is how long the goroutine sleeps while nothing waits; it is woken.
const joinIdle = time.Hour

// next is the first task that is due, joins before leaves, or how long none is.
func (p *MatrixJoinPolicyHandle) next(now time.Time) (*joinTask, time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if now.Before(p.pause) {
		return nil, p.pause.Sub(now)
	}
	wait := joinIdle
	var first *joinTask
	for _, task := range p.waiting {
		switch {
		case now.Before(task.due):
			wait = min(wait, task.due.Sub(now))
		case first == nil, first.action == MatrixJoinLeave && task.action == MatrixJoinAccept:
			first = task
		}
	}
	return first, wait
}

// do tries one task. It stays in the queue until it is settled, so that the
// same invitation is not queued again meanwhile.
func (p *MatrixJoinPolicyHandle) do(ctx context.Context, task *joinTask) {
	err := p.request(ctx, task)
	if ctx.Err() != nil {
		return
	}
	p.mu.Lock()
	if task.gone {
		p.mu.Unlock()
		return
	}
	if err != nil && p.again(task, err) {
		p.mu.Unlock()
		return
	}
	p.waiting = slices.DeleteFunc(p.waiting, func(t *joinTask) bool { return t == task })
	switch {
	case err != nil:
		p.stats.Failed++
	case task.action == MatrixJoinAccept:
		p.stats.Joined++
	default:
		p.stats.Left++
	}
	p.mu.Unlock()
	p.tell(task, err)
}

func (p *MatrixJoinPolicyHandle) tell(task *joinTask, err error) {
	if err != nil {
		p.cfg.Logger.Warn("matrix invitation failed", "action", task.action, "room_id", task.room, "inviter", task.inviter, "error", err)
	} else {
		p.cfg.Logger.Info("matrix invitation settled", "action", task.action, "room_id", task.room, "inviter", task.inviter)
	}
	if p.cfg.OnResult != nil {
		p.cfg.OnResult(MatrixJoinPolicyResult{RoomID: task.room, Inviter: task.inviter, Action: task.action, Err: err})
	}
}

func (p *MatrixJoinPolicyHandle) request(ctx context.Context, task *joinTask) error {
	if task.action == MatrixJoinLeave {
		_, err := p.cfg.Client.LeaveRoom(ctx, task.room)
		return matrix.MatrixError("matrix_join_policy leave room="+string(task.room), err)
	}
	request := &mautrix.ReqJoinRoom{}
	if server := task.inviter.Homeserver(); server != "" {
		request.Via = []string{server}
	}
	_, err := p.cfg.Client.JoinRoom(ctx, string(task.room), request)
	return matrix.MatrixError("matrix_join_policy join room="+string(task.room), err)
}

// again reports whether a failed task is tried once more, and sets when. It is
// called with the lock.
func (p *MatrixJoinPolicyHandle) again(task *joinTask, err error) bool {
	backoff := core.BackoffDelayConfig{Initial: p.interval()}
	if coded, ok := errors.AsType[*core.Error](err); ok {
		backoff.Floor = coded.RetryAfter
	}
	all := false // whether it concerns the other tasks too
	switch core.ErrorCode(err) {
	case core.CodeLimited:
		all = true
	case core.CodeUnauthenticated: // other credentials may come
		all, backoff.Floor = true, max(backoff.Floor, time.Minute)
	case core.CodeUnavailable, core.CodeTimeout, core.CodeInternal:
		task.attempts++
	default:
		return false
	}
	if task.attempts >= p.cfg.Attempts {
		return false
	}
	task.due = time.Now().Add(core.BackoffDelay(backoff, task.attempts, rand.Float64()))
	if all {
		p.pause = task.due
	}
	return true
}

// interval is the least time between two requests.
func (p *MatrixJoinPolicyHandle) interval() time.Duration {
	return p.cfg.Interval
}
