// Package history reads what a server's history of a room has. It makes no
// requests.
package history

import (
	"slices"

	"maunium.net/go/mautrix/id"
)

// SeamSize is how many events are read forwards where two pages of a room's
// history meet: more than are sent at once.
const SeamSize = 50

// LeftOut returns, newest first, the events that a server's history leaves out
// where two pages meet. forward is what is read forwards from the token where
// the page with the IDs above ended; those that are not in that page, but
// before something that is, were left out. A good server leaves out nothing.
// Dendrite's token stands for a depth, and the next page begins below that: all
// other events of this depth, which were sent at the same time, are in neither
// page (TopologyToken.Decrement in its syncapi/types). Read forwards from the
// same token they come first.
func LeftOut[E any](forward []E, eventID func(E) id.EventID, above []id.EventID) (left []E) {
	in := make(map[id.EventID]bool, len(above))
	for _, e := range above {
		in[e] = true
	}
	var waiting []E
	for _, e := range forward {
		if !in[eventID(e)] {
			waiting = append(waiting, e)
			continue
		}
		left, waiting = append(left, waiting...), nil
	}
	slices.Reverse(left)
	return left
}
