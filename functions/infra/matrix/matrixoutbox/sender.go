package matrixoutbox

import (
	"context"
	"sync"
	"time"

	"maunium.net/go/mautrix/id"

	"fnregistry.dev/functions/infra/matrix/internal/send"
)

// stopGrace is how long what is under way is waited for at the end.
const stopGrace = 5 * time.Second

// sender works on the queue of each room, several rooms at once.
type sender struct {
	cfg     MatrixOutboxConfig
	store   *store
	waiters *waiters
	report  *reporter
	metrics *outboxMetrics
	gate    *gate

	stopping chan struct{}      // closed: nothing new is begun
	cancel   context.CancelFunc // breaks off what is under way; set by run
	slots    chan struct{}      // one for each room in which is sent
	work     sync.WaitGroup     // rooms and looks
	woken    chan struct{}      // has room for one

	mu         sync.Mutex
	rooms      map[id.RoomID]*room // that are worked on
	next       map[id.RoomID]bool  // that are to be
	looks      looks
	pace       pace
	failures   int        // since an item was last sent
	failure    error      // the last of these
	homeserver homeserver // what the server's software is, once it was asked
	lost       error      // another process has the queue, or its file is gone
	ended      bool       // stopping is closed
}

func newSender(cfg MatrixOutboxConfig, store *store, waiters *waiters) *sender {
	return &sender{
		cfg: cfg, store: store, waiters: waiters,
		report: newReporter(cfg.Logger, store.account), metrics: newOutboxMetrics(cfg.Metrics, store.account), gate: newGate(),
		stopping: make(chan struct{}), slots: make(chan struct{}, cfg.Concurrency), woken: make(chan struct{}, 1),
		rooms: map[id.RoomID]*room{}, next: map[id.RoomID]bool{},
	}
}

// stop lets nothing new begin. It may be called again.
func (s *sender) stop() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.ended {
		s.ended = true
		close(s.stopping)
	}
}

// lose ends all at once, since another process has the queue, or its file is
// gone.
func (s *sender) lose(err error) {
	s.mu.Lock()
	s.lost = err
	s.mu.Unlock()
	s.stop()
	s.cancel()
}

// run sends until ctx is done, or stop or lose is called, and returns when
// nothing of it runs any more. After stop, what is under way has stopGrace.
func (s *sender) run(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	s.cancel = cancel
	if s.cfg.EnqueueOnly {
		s.watch(ctx)
	} else {
		s.dispatch(ctx)
	}
	s.stop()
	idle := make(chan struct{})
	go func() {
		s.work.Wait()
		close(idle)
	}()
	grace := time.NewTimer(stopGrace)
	defer grace.Stop()
	select {
	case <-idle:
	case <-grace.C:
	case <-ctx.Done():
	}
	cancel()
	<-idle
	return s.lost
}

// dispatch begins the work on rooms: those that wake names, and those that poll
// finds.
func (s *sender) dispatch(ctx context.Context) {
	ticker := time.NewTicker(s.cfg.Poll)
	defer ticker.Stop()
	var last polled
	for {
		last = s.poll(ctx, last)
		for tick := false; !tick; {
			s.startRooms(ctx)
			select {
			case <-ctx.Done():
				return
			case <-s.stopping:
				return
			case <-s.woken:
			case <-ticker.C:
				tick = true
			}
		}
	}
}

// polled is what a poll has seen.
type polled struct {
	item     int64     // the newest
	requeues int64     // how often items were put back
	pruned   time.Time // when prune was called
}

// watch makes those who wait look for what another process has sent.
func (s *sender) watch(ctx context.Context) {
	ticker := time.NewTicker(s.cfg.Poll)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-s.stopping:
			return
		case <-ticker.C:
			s.waiters.notifyAll()
		}
	}
}

// poll finds what others have put in or put back, at the start what a former
// process has left, and forgets what was sent long ago.
func (s *sender) poll(ctx context.Context, last polled) polled {
	if err := s.store.owned(ctx); err != nil { // the other process may leave it nothing to find that out by
		s.storeFailed(ctx, err)
		return last
	}
	if err := s.findNew(ctx, &last); err != nil {
		s.report.report(ctx, send.WithOp("matrix_outbox", err))
	}
	if time.Since(last.pruned) > time.Minute {
		last.pruned = time.Now()
		if err := s.store.prune(ctx, time.UnixMilli(s.store.stamp()).Add(-s.cfg.KeepSent), s.cfg.KeepSentCount); err != nil {
			s.report.report(ctx, send.WithOp("matrix_outbox", err))
		}
	}
	if s.metrics != nil {
		if status, err := s.store.status(ctx); err == nil {
			s.metrics.depth(status)
		}
	}
	return last
}

// findNew wakes the rooms that have something new.
func (s *sender) findNew(ctx context.Context, last *polled) error {
	requeues, err := s.store.requeues(ctx)
	if err != nil {
		return err
	}
	after := last.item
	if requeues != last.requeues {
		after = 0
	}
	rooms, newest, err := s.store.roomsAfter(ctx, after)
	if err != nil {
		return err
	}
	last.item, last.requeues = max(last.item, newest), requeues
	s.wake(rooms)
	return nil
}

// wake sees that each room is worked on.
func (s *sender) wake(rooms []id.RoomID) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ended {
		return
	}
	for _, roomID := range rooms {
		if running := s.rooms[roomID]; running != nil {
			running.again = true
		} else {
			s.next[roomID] = true
		}
	}
	select {
	case s.woken <- struct{}{}:
	default: // it will look
	}
}

// startRooms begins the work on the rooms that were woken.
func (s *sender) startRooms(ctx context.Context) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for roomID := range s.next {
		r := &room{id: roomID}
		s.rooms[roomID] = r
		s.work.Go(func() { s.runRoom(ctx, r) })
	}
	clear(s.next)
}

// noteFailure notes a try that failed, for Status.
func (s *sender) noteFailure(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.failures++
	s.failure = err
}

func (s *sender) noteSuccess() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.failures, s.failure = 0, nil
}

func (s *sender) failing() (failures int, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.failures, s.failure
}

// nextTry returns when an item is tried next, zero if it does not wait.
func (s *sender) nextTry(roomID id.RoomID, transaction string) time.Time {
	s.mu.Lock()
	defer s.mu.Unlock()
	if r := s.rooms[roomID]; r != nil && r.waiting == transaction {
		return r.next
	}
	return time.Time{}
}
