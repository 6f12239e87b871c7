package matrix

import (
	"cmp"

	"maunium.net/go/mautrix/event"
	"maunium.net/go/mautrix/id"
)

// MatrixThreadRelationConfig says where an answer goes. The zero value answers
// where the event stands.
type MatrixThreadRelationConfig struct {
	StartThread bool       // an event outside of a thread becomes the root of one; default: the answer is a reply in the room's main timeline
	LeaveThread bool       // the answer to an event in a thread goes to the main timeline; default: to its thread
	Quote       bool       // in a thread, the answer is a reply to the event and shown with it; default: it is the thread's next message
	ThreadRoot  id.EventID // the thread, where the event doesn't have it (an edit, a reaction); default: the event's
	Latest      id.EventID // the thread's latest message, which clients without threads show the answer under; default: the event
}

// MatrixThreadRelation returns the m.relates_to of an answer to an event. In a
// thread that is rel_type m.thread with the root and m.in_reply_to, for clients
// without threads: is_falling_back says that it is for these alone, and is left
// out with Quote. In the main timeline it is m.in_reply_to alone.
//
// Edits and reactions can neither be answered nor be the root of a thread
// (spec, "Threading"): the event that they change, or are for, takes their
// place. It returns nil for an event without an ID: there is nothing to answer.
//
// More in matrix_thread_relation.md:
//   - It notifies nobody: add the recipient to the message's Mentions.
//   - An edit does not tell which thread its message is in, and a reaction not
//     that of its target: give ThreadRoot if you know it, else the answer goes
//     to the main timeline or, with StartThread, to a thread of its target.
func MatrixThreadRelation(evt MatrixSyncEvent, cfg MatrixThreadRelationConfig) *event.RelatesTo {
	target := cmp.Or(evt.Edits, evt.EventID)
	if evt.Type == event.EventReaction.Type {
		target = cmp.Or(evt.RelatesTo, target)
	}
	if target == "" {
		return nil
	}
	root := cmp.Or(cfg.ThreadRoot, evt.ThreadRoot)
	if root == "" && cfg.StartThread {
		root = target
	}
	if root == "" || cfg.LeaveThread {
		return (&event.RelatesTo{}).SetReplyTo(target)
	}
	relation := &event.RelatesTo{Type: event.RelThread, EventID: root, InReplyTo: &event.InReplyTo{EventID: target}}
	if !cfg.Quote {
		relation.InReplyTo.EventID = cmp.Or(cfg.Latest, target)
		relation.IsFallingBack = true
	}
	return relation
}
