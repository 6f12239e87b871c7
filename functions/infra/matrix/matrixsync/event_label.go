package matrixsync

import "maunium.net/go/mautrix/event"

// typeLabel is the label of an event type in metrics. Types are whatever their
// senders write, and a label is a time series for as long as the process runs,
// so only the types that mautrix knows have one of their own. A gap has none.
func typeLabel(eventType string) string {
	if eventType == "" {
		return ""
	}
	for _, class := range []event.TypeClass{event.MessageEventType, event.StateEventType} {
		if _, known := event.TypeMap[event.Type{Type: eventType, Class: class}]; known {
			return eventType
		}
	}
	return "other"
}
