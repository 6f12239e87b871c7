// Package history reads what a server's history of a room has. It makes no
// requests.
package history

import (
	"slices"

	"maunium.net/go/mautrix/id"
)

// BoundarySize is how many events are read forwards where two pages of a room's
// history meet: more than are sent at once.
const BoundarySize = 50

// Missed returns, newest first, the events that a server's history lacks at the
// boundary of two pages. forward is what is read forwards from the token where
// the page with the IDs above ended; those that are not in that page, but
// before something that is, were missed. A correct server has none.
// Dendrite's token stands for a depth, and the next page begins below that: all
// other events of this depth, which were sent at the same time, are in neither
// page (TopologyToken.Decrement in its syncapi/types). Read forwards from the
// same token they come first.
func Missed[E any](forward []E, eventID func(E) id.EventID, above []id.EventID) (missed []E) {
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
		missed, waiting = append(missed, waiting...), nil
	}
	slices.Reverse(missed)
	return missed
}
