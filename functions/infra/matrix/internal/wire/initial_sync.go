package wire

import (
	"context"
	"math/rand/v2"
	"net/http"

	"maunium.net/go/mautrix"
	"maunium.net/go/mautrix/event"
)

// InitialSync requests a sync from the beginning. It takes nothing away from a
// sync that runs: to-device messages are deleted only when a sync with a later
// token is requested.
//
// Synapse caches a response for 2 minutes and returns it for an equal request
// (sync_response_cache_duration). The timeout distinguishes requests: no server
// waits for it in an initial sync.
func InitialSync(ctx context.Context, client *mautrix.Client, filter string) ([]byte, error) {
	request := mautrix.ReqSync{FilterID: filter, SetPresence: event.PresenceOffline, Timeout: rand.IntN(1 << 30)}
	return client.MakeRequest(ctx, http.MethodGet, client.BuildURLWithQuery(mautrix.ClientURLPath{"v3", "sync"}, request.BuildQuery()), nil, nil)
}
