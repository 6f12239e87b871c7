package api

import (
	"net/http"

	"fnregistry.dev/functions/infra/http/httpapi"
)

func (a *api) changesEndpoints() []httpapi.HTTPAPIEndpoint {
	return []httpapi.HTTPAPIEndpoint{httpapi.HTTPAPIRaw(httpapi.HTTPAPIEndpoint{
		Method: http.MethodGet, Path: "/api/v1/{db}/changes", Name: "streamChanges", Tag: "writing", Summary: "Changes as they happen",
		Description: "Server-sent events. change: this program has written a row, {\"table\", \"verb\", \"key\"}, or, with rows in place of key, so many. " +
			"other: another program has written something, {\"changed\": true}. gap: events are missing, read again what you show. " +
			"Rows that triggers and foreign keys change are not listed. With Last-Event-ID the stream continues after that event. Comments come every 15 seconds.",
		Responses: []httpapi.HTTPAPIResponse{{Type: "text/event-stream"}},
		Errors:    map[int]string{http.StatusNotFound: "There is no such database.", http.StatusServiceUnavailable: "There are too many streams."},
	}, a.streamChanges)}
}

func (a *api) streamChanges(w http.ResponseWriter, r *http.Request, in *struct {
	databaseIn
	LastID string `query:"last_event_id" json:"-" doc:"As the header Last-Event-ID."`
}) error {
	v, err := a.view(r.Context(), in.DB)
	if err != nil {
		return err
	}
	v.Changes().ServeHTTP(w, r)
	return nil
}
