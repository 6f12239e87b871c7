package matrixsync

import (
	"context"
	"encoding/json"
	"net/http"
	"path"
	"slices"
	"time"

	"maunium.net/go/mautrix"
	"maunium.net/go/mautrix/event"
	"maunium.net/go/mautrix/id"

	"fnregistry.dev/functions/core"
	"fnregistry.dev/functions/infra/matrix"
)

// markJoin sets Join of consecutive events of a room, in the server's order,
// and returns the side of what comes just before them. otherwise is that side
// where none of the events tells: none of them is the user's member event.
//
// joined says that the user was in the room when the first of the events was
// sent.
func markJoin(
	events []matrix.MatrixSyncEvent, user id.UserID, joined bool, otherwise matrix.MatrixMoment,
) matrix.MatrixMoment {
	first := otherwise
	for i := range events {
		if now, before := membership(&events[i], user); now != "" {
			first = sideBefore(now, before, joined)
			break
		}
	}
	side := first
	for i := range events {
		now, before := membership(&events[i], user)
		switch {
		case now == event.MembershipJoin:
			side = matrix.MatrixMomentAfter
			events[i].Join = side
		case now != "":
			events[i].Join = side
			if before == event.MembershipJoin {
				events[i].Join = matrix.MatrixMomentAfter
			}
			side = matrix.MatrixMomentBefore
		default:
			events[i].Join = side
		}
	}
	return first
}

// sideBefore is the side of what was sent before a member event of the user. A
// server need not say what the membership was before.
func sideBefore(now, before event.Membership, joined bool) matrix.MatrixMoment {
	switch {
	case before == event.MembershipJoin:
		return matrix.MatrixMomentAfter
	case before != "", now == event.MembershipInvite, now == event.MembershipKnock:
		return matrix.MatrixMomentBefore
	case joined:
		return matrix.MatrixMomentAfter
	case now == event.MembershipJoin:
		return matrix.MatrixMomentBefore
	}
	return matrix.MatrixMomentUnknown // left or banned: maybe without having been in
}

// markTimeline sets Join of a timeline. whole says that nothing is missing
// between what the store knows of the room and the timeline.
func (t *syncTaking) markTimeline(
	events []matrix.MatrixSyncEvent, known MatrixSyncRoom, member event.Membership, whole bool,
) matrix.MatrixMoment {
	joined := known.Membership == string(event.MembershipJoin)
	otherwise := matrix.MatrixMomentAfter // the joining is older than the timeline
	if !joined && (member != event.MembershipJoin || t.joinHidden) {
		otherwise = matrix.MatrixMomentUnknown
	}
	return markJoin(events, t.user, joined && whole, otherwise)
}

// joinHidden reports whether a filter may keep the user's member events out of
// timelines.
func joinHidden(filter *mautrix.Filter, user id.UserID) bool {
	if filter == nil {
		return false
	}
	if len(filter.EventFields) > 0 {
		return true
	}
	if filter.Room == nil || filter.Room.Timeline == nil {
		return false
	}
	part := filter.Room.Timeline
	member := func(pattern event.Type) bool {
		matched, err := path.Match(pattern.Type, event.StateMember.Type) // a type has no slash
		return matched || err != nil
	}
	return len(part.Types) > 0 && !slices.ContainsFunc(part.Types, member) ||
		slices.ContainsFunc(part.NotTypes, member) ||
		len(part.Senders) > 0 && !slices.Contains(part.Senders, user) ||
		slices.Contains(part.NotSenders, user) ||
		part.ContainsURL != nil
}

// markStart sets Start of consecutive events of a room whose Join is set. In
// the first sync of all, what was sent since this service began came after the
// start. In an initial sync that replaces a forgotten token it is what follows
// the last event that the store knows. anchored says that such a one precedes
// all of the events; if there is none at all, the server may have lost it, and
// everything may be old.
func (t *syncTaking) markStart(
	ctx context.Context, known MatrixSyncRoom, events []matrix.MatrixSyncEvent, anchored bool,
) error {
	last := -1
	if t.replaying && known.Last != "" {
		areKnown, err := t.areKnown(ctx, known, eventIDs(events))
		if err != nil {
			return err
		}
		for i, is := range areKnown {
			if is {
				last = i
			}
		}
		anchored = anchored || last >= 0
	} else {
		anchored = true
	}
	for i := range events {
		e := &events[i]
		switch {
		case t.first && !t.during(e.Timestamp), i <= last:
			e.Start = matrix.MatrixMomentBefore
		case e.Join == matrix.MatrixMomentAfter && anchored:
			e.Start = matrix.MatrixMomentAfter
		}
	}
	return nil
}

// during reports whether a server's time lies between the start of the service
// and this response.
func (t *syncTaking) during(at time.Time) bool {
	return !at.Before(t.beganAt) && !at.After(t.cameAt)
}

// serverTimes are when the service began and when a response came, by the
// server's clock as far as that is known: its Date has whole seconds.
func serverTimes(began time.Time, response *syncResponse) (beganAt, cameAt time.Time) {
	const exact = 2 * time.Second
	ahead := response.date.Sub(response.came)
	if response.date.IsZero() || ahead.Abs() < exact {
		return began.Truncate(time.Millisecond), response.came.Add(exact)
	}
	return began.Add(ahead + time.Second), response.came.Add(ahead + exact)
}

// dateOf returns an answer's Date, zero if it has none.
func dateOf(answer *http.Response) time.Time {
	date, err := http.ParseTime(answer.Header.Get("Date"))
	if err != nil {
		return time.Time{}
	}
	return date
}

// invitationOf tells a room's invitations by the same user apart, as far as the
// server does: a server that shows one again shows the same event.
func invitationOf(raw json.RawMessage) string {
	var said struct {
		EventID string          `json:"event_id"`
		Content json.RawMessage `json:"content"`
	}
	_ = json.Unmarshal(raw, &said) // a wrong type is no ID
	if said.EventID != "" {
		return string(core.HashContent([]byte(said.EventID))) // of a bounded length
	}
	return string(core.HashContent(said.Content))
}
