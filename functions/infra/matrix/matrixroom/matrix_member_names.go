package matrixroom

import (
	"context"
	"strings"
	"sync"
	"time"

	"github.com/tidwall/gjson"
	"maunium.net/go/mautrix"
	"maunium.net/go/mautrix/event"
	"maunium.net/go/mautrix/id"

	"fnregistry.dev/functions/core"
	"fnregistry.dev/functions/infra/matrix"
	"fnregistry.dev/functions/infra/matrix/internal/wire"
)

// MatrixMemberNamesConfig says who is asked for names.
type MatrixMemberNamesConfig struct {
	Client *mautrix.Client // required
}

// MatrixMemberNamesHandle knows what users are called in rooms. It needs no
// closing. Its methods may be called by several goroutines.
type MatrixMemberNamesHandle struct {
	client *mautrix.Client

	mu    sync.Mutex
	known map[memberKey]memberName
}

type memberKey struct {
	room id.RoomID
	user id.UserID
}

type memberName struct {
	name  string
	until time.Time // zero: until an event says otherwise
}

const (
	maxMemberNames  = 10_000           // names in memory
	memberNameBytes = 256              // of each
	memberNameWait  = 5 * time.Second  // for the server's answer
	memberNameAgain = 60 * time.Second // after a failure
)

// MatrixMemberNames returns a cache of the display names of rooms' members.
//
// Errors: CodeInvalid without a Client.
//
// More in matrix_member_names.md:
//   - A name is what its user chose; two may have the same: show the user ID
//     next to it.
//   - A name is as old as the last member event that Observe was given.
func MatrixMemberNames(cfg MatrixMemberNamesConfig) (*MatrixMemberNamesHandle, error) {
	if cfg.Client == nil {
		return nil, &core.Error{Code: core.CodeInvalid, Op: "matrix_member_names", Message: "no Client given"}
	}
	return &MatrixMemberNamesHandle{client: cfg.Client, known: map[memberKey]memberName{}}, nil
}

// Name returns what a user is called in a room, as the user wrote it, up to 256
// bytes; empty where the user has no name there, or the server doesn't say it
// within 5 seconds: then it isn't asked again for a minute. The first question
// for a user in a room is one request.
func (h *MatrixMemberNamesHandle) Name(ctx context.Context, room id.RoomID, user id.UserID) string {
	if room == "" || user == "" {
		return ""
	}
	key := memberKey{room, user}
	if known, ok := h.get(key); ok {
		return known
	}
	ctx, cancel := context.WithTimeout(ctx, memberNameWait)
	defer cancel()
	var content struct {
		Name any `json:"displayname"` // anything may be there
	}
	err := h.client.StateEvent(ctx, room, event.StateMember, string(user), &content)
	found := memberName{}
	found.name, _ = content.Name.(string)
	switch core.ErrorCode(matrix.MatrixError("matrix_member_names", err)) {
	case "", core.CodeNotFound:
	default:
		found = memberName{until: time.Now().Add(memberNameAgain)}
	}
	return h.put(key, found)
}

// Observe takes names from the member events that a sync delivers; others are
// of no interest to it.
func (h *MatrixMemberNamesHandle) Observe(evt matrix.MatrixSyncEvent) {
	if evt.Type != event.StateMember.Type || evt.StateKey == nil || evt.Kind != matrix.MatrixKindEvent {
		return
	}
	content := wire.Field(gjson.ParseBytes(evt.Raw), "content")
	name := wire.String(wire.Field(content, "displayname"))
	h.put(memberKey{evt.RoomID, id.UserID(*evt.StateKey)}, memberName{name: name})
}

func (h *MatrixMemberNamesHandle) get(key memberKey) (string, bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	known, ok := h.known[key]
	if !ok || !known.until.IsZero() && time.Now().After(known.until) {
		return "", false
	}
	return known.name, true
}

// put makes room by forgetting any other name.
func (h *MatrixMemberNamesHandle) put(key memberKey, name memberName) string {
	if len(name.name) > memberNameBytes {
		name.name = name.name[:memberNameBytes]
	}
	name.name = strings.ToValidUTF8(name.name, "")
	h.mu.Lock()
	defer h.mu.Unlock()
	for other := range h.known {
		if len(h.known) < maxMemberNames {
			break
		}
		delete(h.known, other)
	}
	h.known[key] = name
	return name.name
}
