package matrixsync

import (
	"context"
	"encoding/json"
	"net/http"
	"slices"
	"strconv"

	"maunium.net/go/mautrix"
	"maunium.net/go/mautrix/id"

	"fnregistry.dev/functions/core"
	"fnregistry.dev/functions/infra/matrix"
	"fnregistry.dev/functions/infra/matrix/internal/history"
	"fnregistry.dev/functions/infra/matrix/internal/ident"
)

// MatrixRoomHistoryConfig says which part of a room's past is wanted.
type MatrixRoomHistoryConfig struct {
	Client *mautrix.Client // decrypts by its Crypto, if it has one; required
	Room   id.RoomID       // required
	Before id.EventID      // the events in front of this one; default: the room's last ones
	Limit  int             // most events, up to 10,000; default 50
}

// MatrixRoomHistoryResult is a part of a room's past.
type MatrixRoomHistoryResult struct {
	Events []matrix.MatrixSyncEvent // oldest first
	More   bool                     // there are older ones: ask again, with the first one's ID as Before
}

// maxHistory bounds what is kept in memory.
const maxHistory = 10_000

// MatrixRoomHistory returns a room's last events, or those in front of an
// event, decrypted as far as their keys are there or in the key backup. It
// reads pages of 100 until it has enough, and where two pages meet also what
// Dendrite leaves out between them. It takes nothing away from a sync that
// runs.
//
// Errors: CodeInvalid for a bad config, CodeNotFound for an unknown Before,
// CodeForbidden for a room that the user may not read, CodeUnavailable for an
// answer that is none, and those of [matrix.MatrixError]. After an error there
// are no events.
//
// More in matrix_room_history.md:
//   - State events and reactions count, too: a limit of 50 may show 30
//     messages.
//   - A key that was sent to this device and not fetched yet is missing:
//     matrix_sync_keys fetches those.
func MatrixRoomHistory(ctx context.Context, cfg MatrixRoomHistoryConfig) (MatrixRoomHistoryResult, error) {
	op := "matrix_room_history room=" + ident.Clip(string(cfg.Room), 80)
	if message := cfg.check(); message != "" {
		return MatrixRoomHistoryResult{}, &core.Error{Code: core.CodeInvalid, Op: op, Message: message}
	}
	if cfg.Limit == 0 {
		cfg.Limit = 50
	}
	raws, more, err := cfg.read(ctx)
	if err != nil {
		return MatrixRoomHistoryResult{}, matrix.MatrixError(op, err)
	}
	result := MatrixRoomHistoryResult{More: more, Events: make([]matrix.MatrixSyncEvent, len(raws))}
	for i, raw := range raws {
		if ctx.Err() != nil {
			return MatrixRoomHistoryResult{}, matrix.MatrixError(op, ctx.Err())
		}
		result.Events[i] = readEvent(ctx, cfg.Client, cfg.Room, raw)
	}
	return result, nil
}

func (cfg *MatrixRoomHistoryConfig) check() string {
	switch {
	case cfg.Client == nil:
		return "no Client given"
	case cfg.Room == "":
		return "no Room given"
	case cfg.Limit < 0 || cfg.Limit > maxHistory:
		return "Limit is not between 1 and " + strconv.Itoa(maxHistory)
	case cfg.Before != "" && (cfg.Before[0] != '$' || len(cfg.Before) > ident.MaxBytes):
		return "Before is no event ID: those begin with $"
	}
	return ""
}

// read returns the events as the server has them, oldest first, each once.
func (cfg *MatrixRoomHistoryConfig) read(ctx context.Context) (raws []json.RawMessage, more bool, err error) {
	start := historyStart{}
	if cfg.Before != "" {
		if start, err = cfg.around(ctx); err != nil || start.first {
			return nil, false, err
		}
	}
	walk := history.NewWalk[json.RawMessage](history.Config{
		Timeline: start.ids, From: start.token, FromEnd: start.token == "",
		Pages: cfg.Limit/history.PageSize + 2, // a page may have fewer events than were asked for
	})
	events := newHistoryEvents(cfg.Room)
	for walk.State() == history.More && len(walk.Events()) < cfg.Limit {
		page, err := cfg.page(ctx, walk.Next())
		if err != nil {
			return nil, false, err
		}
		walk.Add(page)
	}
	for _, raw := range slices.Concat(walk.Events(), start.events) {
		events.add(raw)
	}
	more = walk.State() != history.Complete && len(events.raws) > 0
	if surplus := len(events.raws) - cfg.Limit; surplus > 0 {
		return events.raws[surplus:], true, nil
	}
	return events.raws, more, nil
}

// historyEvents are events without what a server gives twice, as Dendrite does
// where two pages meet.
type historyEvents struct {
	room id.RoomID
	seen map[id.EventID]bool
	raws []json.RawMessage
}

func newHistoryEvents(room id.RoomID) *historyEvents {
	return &historyEvents{room: room, seen: map[id.EventID]bool{}}
}

func (h *historyEvents) add(raw json.RawMessage) {
	eventID := matrix.MatrixEventParse(h.room, raw).EventID
	if eventID != "" && !h.seen[eventID] {
		h.seen[eventID] = true
		h.raws = append(h.raws, raw)
	}
}

// historyStart is where reading backwards begins.
type historyStart struct {
	token  string
	events []json.RawMessage // between there and Before, oldest first
	ids    []id.EventID      // theirs, and that of Before
	first  bool              // there is nothing in front of Before
}

// around asks for the events next to Before.
func (cfg *MatrixRoomHistoryConfig) around(ctx context.Context) (start historyStart, err error) {
	path := mautrix.ClientURLPath{"v3", "rooms", cfg.Room, "context", cfg.Before}
	url := cfg.Client.BuildURLWithQuery(path, map[string]string{"limit": "2"})
	var answer struct {
		Start  string            `json:"start"`
		Before []json.RawMessage `json:"events_before"` // the latest first
	}
	if err := cfg.get(ctx, url, &answer); err != nil {
		return start, err
	}
	if answer.Start == "" && len(answer.Before) == 0 { // so Dendrite says that Before is the room's first event
		return historyStart{first: true}, nil
	}
	if answer.Start == "" {
		return start, &core.Error{Code: core.CodeUnavailable, Message: "the server's answer has no token"}
	}
	start.token, start.ids = answer.Start, []id.EventID{cfg.Before}
	for _, raw := range answer.Before {
		start.ids = append(start.ids, matrix.MatrixEventParse(cfg.Room, raw).EventID)
	}
	slices.Reverse(answer.Before)
	start.events = answer.Before
	return start, nil
}

func (cfg *MatrixRoomHistoryConfig) page(
	ctx context.Context,
	request history.Request,
) (history.Page[json.RawMessage], error) {
	query := map[string]string{"dir": string(request.Direction), "limit": strconv.Itoa(request.Limit)}
	if request.From != "" {
		query["from"] = request.From
	}
	path := mautrix.ClientURLPath{"v3", "rooms", cfg.Room, "messages"}
	var answer syncPage
	if err := cfg.get(ctx, cfg.Client.BuildURLWithQuery(path, query), &answer); err != nil {
		return history.Page[json.RawMessage]{}, err
	}
	page := history.Page[json.RawMessage]{End: answer.End}
	for _, raw := range answer.Chunk {
		eventID := matrix.MatrixEventParse(cfg.Room, raw).EventID
		page.Events = append(page.Events, history.Event[json.RawMessage]{Value: raw, ID: eventID})
	}
	return page, nil
}

func (cfg *MatrixRoomHistoryConfig) get(ctx context.Context, url string, answer any) error {
	body, err := cfg.Client.MakeRequest(ctx, http.MethodGet, url, nil, nil)
	if err != nil {
		return err
	}
	if err := json.Unmarshal(body, answer); err != nil {
		return &core.Error{Code: core.CodeUnavailable, Message: "the server's answer can't be read", Err: err}
	}
	return nil
}
