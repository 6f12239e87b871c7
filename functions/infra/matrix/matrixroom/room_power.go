package matrixroom

import (
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/tidwall/gjson"
	"maunium.net/go/mautrix/event"
	"maunium.net/go/mautrix/id"

	"fnregistry.dev/functions/infra/matrix/internal/wire"
)

// roomPower is who has which power in a room, and what takes how much:
// https://spec.matrix.org/v1.16/client-server-api/#mroompower_levels. The zero
// value is a room without that event.
type roomPower struct {
	there        bool // the event
	users        map[id.UserID]int
	usersDefault int
	events       map[string]int
	named        map[string]int // invite, kick, ban, redact, events_default, state_default

	creators   []id.UserID // who sent the room's first event, then whom that names
	named10    id.UserID   // whom it names as creator: counts up to room version 10
	privileged bool        // creators stand above all levels: from room version 12 on
}

// powerLimit is that of canonical JSON: 2^53 - 1.
const powerLimit = 1<<53 - 1

// powerLevel reads a level: whole, or, in room versions up to 9, a string.
// Anything else does not count.
func powerLevel(value gjson.Result) (int, bool) {
	number := value.Num
	switch value.Type {
	case gjson.Number:
	case gjson.String:
		parsed, err := strconv.ParseInt(strings.TrimSpace(value.Str), 10, 54)
		if err != nil {
			return 0, false
		}
		number = float64(parsed)
	default:
		return 0, false
	}
	if math.Abs(number) > powerLimit {
		return 0, false
	}
	return int(number), true
}

func (p *roomPower) create(sender string, content gjson.Result) {
	p.creators = []id.UserID{id.UserID(sender)}
	p.named10 = id.UserID(wire.String(wire.Field(content, "creator")))
	wire.Field(content, "additional_creators").ForEach(func(_, user gjson.Result) bool {
		p.creators = append(p.creators, id.UserID(wire.String(user)))
		return true
	})
}

func (p *roomPower) levels(content gjson.Result) {
	p.there, p.users, p.events, p.named = true, map[id.UserID]int{}, map[string]int{}, map[string]int{}
	content.ForEach(func(key, value gjson.Result) bool {
		switch key.Str {
		case "users":
			value.ForEach(func(user, level gjson.Result) bool {
				if n, ok := powerLevel(level); ok {
					p.users[id.UserID(user.Str)] = n
				}
				return true
			})
		case "events":
			value.ForEach(func(kind, level gjson.Result) bool {
				if n, ok := powerLevel(level); ok {
					p.events[kind.Str] = n
				}
				return true
			})
		case "users_default":
			p.usersDefault, _ = powerLevel(value)
		default:
			if n, ok := powerLevel(value); ok {
				p.named[key.Str] = n
			}
		}
		return true
	})
}

// settle is called when both events have been seen, in whichever order.
func (p *roomPower) settle(version id.RoomVersion) {
	p.privileged = version.PrivilegedRoomCreators()
	if p.privileged || len(p.creators) == 0 {
		return
	}
	p.creators = p.creators[:1]
	if p.named10 != "" && version.CreatorInContent() {
		p.creators[0] = p.named10
	}
}

func (p *roomPower) of(user id.UserID) int {
	if p.privileged && slices.Contains(p.creators, user) {
		return math.MaxInt
	}
	if !p.there && slices.Contains(p.creators, user) {
		return 100
	}
	if level, ok := p.users[user]; ok {
		return level
	}
	return p.usersDefault
}

// level is what a right takes: 50 unless the room says another, or has no power
// levels at all and the right is one for which the specification then says 0.
func (p *roomPower) level(name string) int {
	if level, ok := p.named[name]; ok {
		return level
	}
	switch {
	case name == "invite", name == "events_default", name == "state_default" && !p.there:
		return 0
	}
	return 50
}

func (p *roomPower) event(kind, otherwise string) int {
	if level, ok := p.events[kind]; ok {
		return level
	}
	return p.level(otherwise)
}

// Power returns a user's power level: 0 for most, 50 for moderators, 100 for
// administrators, and math.MaxInt for the creators of a room of version 12 or
// later.
func (s *MatrixRoomStateResult) Power(user id.UserID) int { return s.power.of(user) }

// MaySend reports whether a user may send an event of a type that is no state
// event, such as m.room.message. In an encrypted room all but reactions and
// redactions goes out as m.room.encrypted, and that is what is looked at.
func (s *MatrixRoomStateResult) MaySend(user id.UserID, eventType string) bool {
	if s.Encrypted && eventType != event.EventReaction.Type && eventType != event.EventRedaction.Type {
		eventType = event.EventEncrypted.Type
	}
	return s.joined(user) && s.Power(user) >= s.power.event(eventType, "events_default")
}

// MaySetState reports whether a user may send a state event of a type, such as
// m.room.name.
func (s *MatrixRoomStateResult) MaySetState(user id.UserID, eventType string) bool {
	return s.joined(user) && s.Power(user) >= s.power.event(eventType, "state_default")
}

// MayInvite reports whether a user may invite others.
func (s *MatrixRoomStateResult) MayInvite(user id.UserID) bool { return s.may(user, "invite") }

// MayRedact reports whether a user may redact what others have sent. What
// oneself has sent needs MaySend of m.room.redaction alone.
func (s *MatrixRoomStateResult) MayRedact(user id.UserID) bool {
	return s.may(user, "redact") && s.MaySend(user, event.EventRedaction.Type)
}

// MayKick reports whether a user may put another out.
func (s *MatrixRoomStateResult) MayKick(user, other id.UserID) bool {
	return s.may(user, "kick") && s.Power(user) > s.Power(other)
}

// MayBan reports whether a user may ban another.
func (s *MatrixRoomStateResult) MayBan(user, other id.UserID) bool {
	return s.may(user, "ban") && s.Power(user) > s.Power(other)
}

func (s *MatrixRoomStateResult) may(user id.UserID, right string) bool {
	return s.joined(user) && s.Power(user) >= s.power.level(right)
}

func (s *MatrixRoomStateResult) joined(user id.UserID) bool {
	return s.Members[user].Membership == event.MembershipJoin
}
