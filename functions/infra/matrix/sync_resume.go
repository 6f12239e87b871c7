package matrix

import (
	"cmp"
	"context"
	"errors"
	"net/http"
	"time"

	"fnregistry.dev/functions/core"
	"maunium.net/go/mautrix"
	"maunium.net/go/mautrix/id"
)

// trustAfter is how long a server must have gone on answering until a token of
// its is trusted. A server that is shutting down can answer a sync with status
// 200, a later token and rooms left out: Dendrite does from the moment it
// closes its database until its process has ended. So after an interruption,
// and at the start, the sync also asks what came since the last trusted token,
// and delivers what the store does not know.
const trustAfter = 10 * time.Second

// What a store must remember at least to be asked what it knows of the last
// responses.
const (
	lookBackCount = 10_000
	lookBackTTL   = time.Minute
)

// syncTokens are the tokens of the latest responses, oldest first: one that is
// trusted, and the younger ones.
type syncTokens []syncToken

type syncToken struct {
	token string
	at    time.Time // when its response came; zero: it is trusted
}

// add returns the tokens with that of a new response.
func (tokens syncTokens) add(token string, now time.Time) syncTokens {
	tokens = append(tokens, syncToken{token, now})
	return tokens[tokens.trustedAt(now):]
}

// trustedAt returns the index of the last trusted token; the first is, for want
// of a better one.
func (tokens syncTokens) trustedAt(now time.Time) int {
	trusted := 0
	for i, t := range tokens {
		if now.Sub(t.at) >= trustAfter {
			trusted = i
		}
	}
	return trusted
}

// interrupted reports whether a failed request may mean that the server was
// shut down: no answer, or an error of its own or of a proxy before it.
func interrupted(err error) bool {
	answer, ok := errors.AsType[mautrix.HTTPError](err)
	return !ok || answer.Response == nil || answer.Response.StatusCode >= http.StatusInternalServerError
}

// begin takes the position that a former service has left.
func (s *syncService) begin(position MatrixSyncPosition) {
	s.position = position
	if position.Token == "" {
		return
	}
	trusted := cmp.Or(position.Trusted, position.Token)
	s.tokens = syncTokens{{token: trusted}, {position.Token, time.Now()}}
	s.distrust()
}

// distrust notes that the latest responses may lack something.
func (s *syncService) distrust() {
	if s.lookBack != "" || len(s.tokens) == 0 || !s.remembers() {
		return
	}
	if trusted := s.tokens[s.tokens.trustedAt(time.Now())].token; trusted != s.position.Token {
		s.lookBack = trusted
	}
}

// remembers reports whether the store knows all that it took in lately.
func (s *syncService) remembers() bool {
	limited, ok := s.store.(interface {
		remembers() (count int, ttl time.Duration)
	})
	if !ok {
		return false
	}
	count, ttl := limited.remembers()
	return count >= lookBackCount && ttl >= lookBackTTL
}

// addLookBack asks what came since the last trusted token, and puts the joined
// rooms' timelines of that in the place of those of a response that came just
// before. Only ctx makes it fail; where the server refuses the token it does
// nothing.
func (s *syncService) addLookBack(ctx context.Context, response *syncResponse) error {
	var whole *syncResponse
	err := s.retry(ctx, func() (err error) {
		whole, err = s.poll(ctx, mautrix.ReqSync{Since: s.lookBack})
		err = MatrixError("matrix_sync_service: look back", err)
		switch core.ErrorCode(err) {
		case core.CodeInvalid, core.CodeNotFound, core.CodeForbidden, core.CodeUnsupported, core.CodeTooLarge:
			s.tell(err)
			return nil
		}
		return err
	})
	if err != nil || whole == nil {
		return err
	}
	if response.Rooms.Join == nil {
		response.Rooms.Join = map[id.RoomID]*syncRoom{}
	}
	for roomID, room := range whole.Rooms.Join {
		if response.Rooms.Leave[roomID] != nil {
			continue // the user joined again meanwhile: the next response has that
		}
		if late := response.Rooms.Join[roomID]; late != nil {
			room.State.Events = append(room.State.Events, late.State.Events...)
		}
		response.Rooms.Join[roomID] = room
	}
	return nil
}
