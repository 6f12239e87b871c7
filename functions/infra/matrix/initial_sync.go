package matrix

import (
	"context"
	"math/rand/v2"
	"net/http"

	"maunium.net/go/mautrix"
	"maunium.net/go/mautrix/event"
)

// initialSync asks for a sync from the beginning, beside the one that runs, which it takes nothing away from: what is for
// devices goes only when a sync with a later token is asked for.
//
// Synapse keeps an answer for 2 minutes and gives it again to an equal request (sync_response_cache_duration). What tells
// requests apart is the timeout, for which no server waits here.
func initialSync(ctx context.Context, client *mautrix.Client, filter string) ([]byte, error) {
	request := mautrix.ReqSync{FilterID: filter, SetPresence: event.PresenceOffline, Timeout: rand.IntN(1 << 30)}
	return client.MakeRequest(ctx, http.MethodGet, client.BuildURLWithQuery(mautrix.ClientURLPath{"v3", "sync"}, request.BuildQuery()), nil, nil)
}
