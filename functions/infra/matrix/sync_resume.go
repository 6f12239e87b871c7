package matrix

import (
	"cmp"
	"context"
	"errors"
	"maps"
	"math/rand/v2"
	"net/http"
	"time"

	"fnregistry.dev/functions/core"
	"maunium.net/go/mautrix"
	"maunium.net/go/mautrix/event"
)

// trustAfter is how long after a token a server must still have been answering
// syncs for the token to be trusted. A server that is shutting down can answer
// a sync with status 200, a later token and rooms left out: Dendrite does from
// the moment it closes its database until its process has ended. So after an
// interruption, and at the start, the sync also asks what came since the last
// trusted token, and delivers what the store does not know.
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
	came  time.Time // when its response came; zero: it is trusted
}

// add returns the tokens with that of a new response.
func (tokens syncTokens) add(token string, came time.Time) syncTokens {
	tokens = append(tokens, syncToken{token, came})
	return tokens[tokens.trusted():]
}

// trusted returns the index of the last trusted token; the first is, for want
// of a better one. What counts is when the last response came, not what time it
// is: a server may be silent for minutes before it is known to be gone.
func (tokens syncTokens) trusted() int {
	trusted, last := 0, tokens[len(tokens)-1].came
	for i, t := range tokens {
		if last.Sub(t.came) >= trustAfter {
			trusted = i
		}
	}
	return trusted
}

// interrupted reports whether a failed request may mean that the server was
// shut down: no answer, or an error of its own or of a proxy before it.
func interrupted(err error) bool {
	answer, ok := errors.AsType[mautrix.HTTPError](err)
	return !ok || answer.Response == nil ||
		answer.Response.StatusCode >= http.StatusInternalServerError
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
	if trusted := s.tokens[s.tokens.trusted()].token; trusted != s.position.Token {
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

// askLookBack asks what came since the last trusted token. Only ctx makes it
// fail; where the server refuses the token there is no response.
func (s *syncService) askLookBack(ctx context.Context) (response *syncResponse, err error) {
	// Synapse keeps its answer to a sync for 2 minutes
	// (sync_response_cache_duration) and gives it to an equal one. The
	// timeout tells them apart.
	request := mautrix.ReqSync{Since: s.lookBack, Timeout: 1 + rand.IntN(lookBackTimeoutMS)}
	err = s.retry(ctx, func() (err error) {
		response, err = s.poll(ctx, request)
		err = MatrixError("matrix_sync_service: look back", err)
		switch core.ErrorCode(err) {
		case core.CodeInvalid, core.CodeNotFound, core.CodeForbidden, core.CodeUnsupported, core.CodeTooLarge:
			s.tell(err)
			return nil
		}
		return err
	})
	return response, err
}

// lookBackTimeoutMS bounds how long a look back waits where nothing came.
const lookBackTimeoutMS = 200

// lookBackTimelines returns the joined rooms' timelines of a look back, but for
// those rooms that a response has been left in: the user joined them again
// meanwhile, and the next response has that.
func (t *syncTaking) lookBackTimelines(ctx context.Context, lookBack, response *syncResponse) []syncTimeline {
	if lookBack == nil {
		return nil
	}
	joined := maps.Clone(lookBack.Rooms.Join)
	for roomID := range response.Rooms.Leave {
		delete(joined, roomID)
	}
	timelines := t.timelines(ctx, joined, event.MembershipJoin)
	for i := range timelines {
		timelines[i].lookBack = true
	}
	return timelines
}
