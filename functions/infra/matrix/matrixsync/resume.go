package matrixsync

import (
	"cmp"
	"context"
	"errors"
	"maps"
	"math/rand/v2"
	"net/http"
	"time"

	"maunium.net/go/mautrix"
	"maunium.net/go/mautrix/event"

	"fnregistry.dev/functions/core"
	"fnregistry.dev/functions/infra/matrix"
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
	taken int       // records that were stored with it
}

// add returns the tokens with that of a new response, without those before the
// last trusted one. What came since the first of them is not more than most
// records: that much the store is sure to know again.
//
// What counts for a token is when the last response came, not what time it is:
// a server may be silent for minutes before it is known to be gone.
func (tokens syncTokens) add(latest syncToken, most int) syncTokens {
	tokens = append(tokens, latest)
	first, since := len(tokens)-1, 0
	for first > 0 && latest.came.Sub(tokens[first].came) < trustAfter {
		if since += tokens[first].taken; since > most {
			break
		}
		first--
	}
	return tokens[first:]
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
	s.tokens = syncTokens{{token: trusted}, {token: position.Token, came: time.Now()}}
	s.distrust()
}

// distrust notes that the latest responses may lack something.
func (s *syncService) distrust() {
	if s.lookBack != "" || len(s.tokens) == 0 || !s.remembers() {
		return
	}
	if trusted := s.tokens[0].token; trusted != s.position.Token {
		s.lookBack = trusted
	}
}

// remembers reports whether the store knows all that it took in lately.
func (s *syncService) remembers() bool { return s.lookBackMost() > 0 }

// lookBackMost returns how many of the latest records the store is sure to know
// again: half of what it promises, since it also counts what comes in with the
// look back and what is decrypted later.
func (s *syncService) lookBackMost() int {
	limited, ok := s.store.(interface {
		remembers() (count int, ttl time.Duration)
	})
	if !ok {
		return 0
	}
	count, ttl := limited.remembers()
	if count < lookBackCount || ttl < lookBackTTL {
		return 0
	}
	return count / 2
}

// lookBackTries is how often a look back is asked for: an answer that never
// comes must not hold up what the server does answer.
const lookBackTries = 10

// askLookBack asks what came since the last trusted token. Only ctx makes it
// fail; where the server refuses the token, or gives no answer for too long,
// there is no response.
func (s *syncService) askLookBack(ctx context.Context) (response *syncResponse, err error) {
	// Synapse keeps its answer to a sync for 2 minutes
	// (sync_response_cache_duration) and gives it to an equal one. The
	// timeout tells them apart.
	request := mautrix.ReqSync{Since: s.lookBack, Timeout: 1 + rand.IntN(lookBackTimeoutMS)}
	failed := 0
	err = s.retry(ctx, func() (err error) {
		response, err = s.poll(ctx, request)
		err = matrix.MatrixError("matrix_sync_service look back", err)
		switch core.ErrorCode(err) {
		case core.CodeInvalid, core.CodeNotFound, core.CodeForbidden, core.CodeUnsupported, core.CodeTooLarge:
			failed = lookBackTries
		case core.CodeLimited, core.CodeUnauthenticated:
		default:
			failed++
		}
		if err != nil && failed >= lookBackTries && ctx.Err() == nil {
			s.tell(err)
			response, err = nil, nil
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
//
// What the store knows is looked up before anything is stored, by which it may
// forget.
func (t *syncTaking) lookBackTimelines(ctx context.Context, lookBack, response *syncResponse) ([]syncTimeline, error) {
	if lookBack == nil {
		return nil, nil
	}
	joined := maps.Clone(lookBack.Rooms.Join)
	for roomID := range response.Rooms.Leave {
		delete(joined, roomID)
	}
	timelines := t.timelines(ctx, joined, event.MembershipJoin)
	for i := range timelines {
		part := &timelines[i]
		part.before = t.markTimeline(part.events, t.known(part.roomID), part.member, false)
		fresh, err := t.unknown(ctx, t.known(part.roomID), part.events)
		if err != nil {
			return nil, err
		}
		part.lookBack, part.fresh = true, fresh
	}
	return timelines, nil
}

// A server that refuses each token that it gives out would cause one initial
// sync after the other, the most expensive request there is. So between two of
// them lies some time, which doubles, and which the service remembers over
// successes: such a server accepts a token now and then.
const (
	resetWait   = 10 * time.Second // between the first and the second
	resetMost   = 10 * time.Minute
	resetForget = time.Hour // after so long without a reset, the next is the first again
)

// syncResets are the times that a token was given up for an initial sync.
type syncResets struct {
	n    int // since the last longer pause
	last time.Time
}

// allowed reports whether it is time for another one.
func (r *syncResets) allowed() bool {
	since := time.Since(r.last)
	return r.n == 0 || since >= resetForget || since >= min(resetWait<<min(r.n-1, 10), resetMost)
}

func (r *syncResets) add() {
	if time.Since(r.last) >= resetForget {
		r.n = 0
	}
	r.n++
	r.last = time.Now()
}
