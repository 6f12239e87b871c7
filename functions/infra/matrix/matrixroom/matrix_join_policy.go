package matrixroom

import (
	"cmp"
	"context"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/tidwall/gjson"
	"maunium.net/go/mautrix"
	"maunium.net/go/mautrix/event"
	"maunium.net/go/mautrix/id"

	"fnregistry.dev/functions/core"
	"fnregistry.dev/functions/infra/matrix"
	"fnregistry.dev/functions/infra/matrix/internal/durations"
	"fnregistry.dev/functions/infra/matrix/internal/ident"
	"fnregistry.dev/functions/infra/matrix/internal/wire"
	"fnregistry.dev/functions/infra/service"
)

// MatrixJoinPolicyConfig says whose invitations are accepted. With both lists
// empty that is nobody's.
type MatrixJoinPolicyConfig struct {
	Client       *mautrix.Client // required
	AllowRooms   []id.RoomID     // invitations into these rooms are accepted, whoever sends them
	AllowServers []string        // invitations by users of these servers are accepted, into any room; "*" is every server
	LeaveOthers  bool            // other invitations are declined; default: they are left alone

	Interval  time.Duration // least time between two requests, and the first wait before a join is tried again; zero: 1 s
	QueueSize int           // most invitations that wait to be accepted, and as many to be declined; zero or less: 256
	Attempts  int           // tries for one invitation, not counting those that met a rate limit or a logged-out client; zero or less: 8

	// OnResult is called with the result of a join or leave. It is called by
	// the policy's one goroutine, which waits for it, and must not call Stop.
	// nil disables it is told.
	OnResult func(MatrixJoinPolicyResult)
	// Logger gets each result, and when invitations begin to be dropped. nil:
	// none.
	Logger *slog.Logger
}

// MatrixJoinAction says what happens to an invitation.
type MatrixJoinAction string

// The actions. The zero value means that the event was no invitation of the
// client's user.
const (
	MatrixJoinAccept MatrixJoinAction = "join"   // allowed: joined when its turn comes
	MatrixJoinLeave  MatrixJoinAction = "leave"  // not allowed: declined when its turn comes
	MatrixJoinIgnore MatrixJoinAction = "ignore" // not allowed: left alone
	MatrixJoinDrop   MatrixJoinAction = "drop"   // the queue is full, or the policy has ended: nothing happens
)

// MatrixJoinPolicyResult is how a join or leave ended.
type MatrixJoinPolicyResult struct {
	RoomID  id.RoomID
	Inviter id.UserID
	Action  MatrixJoinAction // MatrixJoinAccept or MatrixJoinLeave
	Err     error            // nil: it is done
}

// MatrixJoinPolicyStats counts invitations since the start.
type MatrixJoinPolicyStats struct {
	Waiting, Joined, Left, Ignored, Dropped, Failed int
}

// MatrixJoinPolicyHandle is a running policy. Stop ends it, and leaves what
// waits as it is; Err is nil.
type MatrixJoinPolicyHandle struct {
	service.Service

	cfg     MatrixJoinPolicyConfig
	servers map[string]bool
	wake    chan struct{} // has room for one

	mu       sync.Mutex
	waiting  []*joinTask // at most QueueSize of each action, in the order of arrival
	stats    MatrixJoinPolicyStats
	pause    time.Time                 // before which no request is made
	dropping map[MatrixJoinAction]bool // told of since the queue was last empty
	ended    bool
}

type joinTask struct {
	room     id.RoomID
	inviter  id.UserID
	action   MatrixJoinAction
	attempts int
	due      time.Time
	gone     bool // the invitation was withdrawn
}

// MatrixJoinPolicy starts a goroutine that accepts and declines invitations by
// allowlists, one request at a time and no faster than the interval. Feed it
// with Observe from a sync's events. A flood of invitations costs neither
// memory nor requests beyond these bounds, and those that are declined never
// hold up those that are accepted. It ends with ctx or Stop; what waits then is
// left as it is.
//
// Errors: CodeInvalid for a bad config.
//
// More in matrix_join_policy.md:
//   - What waits is in memory.
//   - Joins go before leaves, and each have their own bound.
func MatrixJoinPolicy(ctx context.Context, cfg MatrixJoinPolicyConfig) (*MatrixJoinPolicyHandle, error) {
	if cfg.Client == nil || cfg.Client.UserID == "" {
		return nil, &core.Error{
			Code:    core.CodeInvalid,
			Op:      "matrix_join_policy",
			Message: "no Client with a user ID given",
		}
	}
	p := &MatrixJoinPolicyHandle{
		cfg:      cfg,
		servers:  map[string]bool{},
		dropping: map[MatrixJoinAction]bool{},
		wake:     make(chan struct{}, 1),
	}
	for _, server := range cfg.AllowServers {
		if _, ok := ident.ServerHost(server); !ok && server != "*" {
			return nil, &core.Error{
				Code:    core.CodeInvalid,
				Op:      "matrix_join_policy",
				Message: "a name in AllowServers cannot be read",
				Hint:    "give names as in user IDs, such as example.org",
			}
		}
		p.servers[strings.ToLower(server)] = true
	}
	p.cfg.AllowRooms = slices.Clone(cfg.AllowRooms)
	err := durations.Fill("matrix_join_policy", durations.Field{Name: "Interval", Value: &p.cfg.Interval, Default: time.Second})
	if err != nil {
		return nil, err
	}
	for _, number := range []struct {
		field  *int
		normal int
	}{{&p.cfg.QueueSize, 256}, {&p.cfg.Attempts, 8}} {
		if *number.field <= 0 {
			*number.field = number.normal
		}
	}
	p.cfg.Logger = cmp.Or(cfg.Logger, slog.New(slog.DiscardHandler))
	running, err := service.ServiceStart(ctx, service.ServiceStartConfig{Name: "matrix_join_policy", Run: func(ctx context.Context) error {
		p.run(ctx)
		return nil
	}})
	if err != nil {
		return nil, err
	}
	p.Service = running
	return p, nil
}

// Stats returns the counts.
func (p *MatrixJoinPolicyHandle) Stats() MatrixJoinPolicyStats {
	p.mu.Lock()
	defer p.mu.Unlock()
	stats := p.stats
	stats.Waiting = len(p.waiting)
	return stats
}

// Observe looks at an event, and returns at once. An invitation is queued or
// not, as the result says; one that is queued already stays there once, and one
// that is withdrawn is forgotten. Any goroutine may call it.
func (p *MatrixJoinPolicyHandle) Observe(e matrix.MatrixSyncEvent) MatrixJoinAction {
	if e.Type != event.StateMember.Type || e.StateKey == nil || *e.StateKey != string(p.cfg.Client.UserID) || e.RoomID == "" {
		return ""
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	known := slices.IndexFunc(p.waiting, func(task *joinTask) bool { return task.room == e.RoomID })
	content := wire.Field(gjson.ParseBytes(e.Raw), "content")
	if wire.String(wire.Field(content, "membership")) != string(event.MembershipInvite) {
		if known >= 0 { // joined, left or banned by another way
			p.waiting[known].gone = true
			p.waiting = slices.Delete(p.waiting, known, known+1)
		}
		return ""
	}
	action := p.decide(e.RoomID, e.Sender)
	if known >= 0 {
		if p.waiting[known].action == action {
			return action
		}
		p.waiting[known].gone = true // invited again, by another
		p.waiting = slices.Delete(p.waiting, known, known+1)
	}
	return p.enqueue(e.RoomID, e.Sender, action)
}

func (p *MatrixJoinPolicyHandle) decide(room id.RoomID, inviter id.UserID) MatrixJoinAction {
	server := strings.ToLower(inviter.Homeserver())
	switch {
	case slices.Contains(p.cfg.AllowRooms, room), p.servers["*"], server != "" && p.servers[server]:
		return MatrixJoinAccept
	case p.cfg.LeaveOthers:
		return MatrixJoinLeave
	}
	return MatrixJoinIgnore
}

// enqueue is called with the lock.
func (p *MatrixJoinPolicyHandle) enqueue(room id.RoomID, inviter id.UserID, action MatrixJoinAction) MatrixJoinAction {
	if action == MatrixJoinIgnore {
		p.stats.Ignored++
		return action
	}
	same := 0
	for _, task := range p.waiting {
		if task.action == action {
			same++
		}
	}
	if p.ended || same >= p.cfg.QueueSize {
		p.stats.Dropped++
		if !p.dropping[action] && !p.ended {
			p.cfg.Logger.Warn("matrix invitations are dropped: too many wait", "action", action, "waiting", same)
		}
		p.dropping[action] = true
		return MatrixJoinDrop
	}
	if same == 0 {
		p.dropping[action] = false
	}
	p.waiting = append(p.waiting, &joinTask{room: room, inviter: inviter, action: action})
	select {
	case p.wake <- struct{}{}:
	default: // it is awake
	}
	return action
}
