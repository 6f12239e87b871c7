package matrixsync

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"strconv"
	"time"

	"maunium.net/go/mautrix"
	"maunium.net/go/mautrix/id"

	"fnregistry.dev/functions/core"
	"fnregistry.dev/functions/infra/matrix/internal/history"
	"fnregistry.dev/functions/infra/matrix/internal/progress"
)

// How long a server may be silent. A first sync of an account with many rooms
// takes Synapse minutes to put together.
const (
	syncPollSlack    = time.Minute      // beyond the poll's own timeout
	syncInitialSlack = 10 * time.Minute // for a first sync
	syncBodySilence  = time.Minute      // between two pieces of an answer
	syncBodyTime     = 2 * time.Minute  // for an answer as a whole, beyond the time for its beginning, and a second more for each 4 KiB
)

// poll asks for one sync. The filter and the presence are the service's.
func (s *syncService) poll(ctx context.Context, request mautrix.ReqSync) (*syncResponse, error) {
	request.FilterID, request.SetPresence = s.filter, s.client.SyncPresence
	slack := syncPollSlack
	if request.Since == "" || request.FullState {
		slack = syncInitialSlack
	}
	url := s.client.BuildURLWithQuery(mautrix.ClientURLPath{"v3", "sync"}, request.BuildQuery())
	s.metrics.request()
	body, date, err := s.get(ctx, url, time.Duration(request.Timeout)*time.Millisecond+slack)
	if err != nil {
		return nil, err
	}
	response, err := parseSyncResponse(body)
	if err != nil {
		return nil, err
	}
	response.came, response.date = time.Now(), date
	return response, nil
}

// ownedStorage is a store that can tell whether it is lost without a write.
type ownedStorage interface {
	Owned(ctx context.Context) error
}

var _ ownedStorage = (*MatrixSyncStoreHandle)(nil)

// ownedEvery is how often a store is looked at during a poll.
const ownedEvery = 2 * time.Second

// pollWatching is poll, which it breaks off when the store is lost meanwhile:
// where nothing happens, a poll takes PollTimeout.
func (s *syncService) pollWatching(ctx context.Context, request mautrix.ReqSync) (*syncResponse, error) {
	store, ok := s.store.(ownedStorage)
	if !ok {
		return s.poll(ctx, request)
	}
	polling, cancel := context.WithCancelCause(ctx)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		ticker := time.NewTicker(ownedEvery)
		defer ticker.Stop()
		for {
			select {
			case <-polling.Done():
				return
			case <-ticker.C:
			}
			if err := store.Owned(polling); err != nil && losesStore(err) {
				cancel(err)
				return
			}
		}
	}()
	response, err := s.poll(polling, request)
	cancel(nil)
	<-ended
	if cause := context.Cause(polling); losesStore(cause) {
		s.lose(cause)
		return nil, cause
	}
	return response, err
}

// messages asks for a page of a room's history.
func (s *syncService) messages(ctx context.Context, room id.RoomID, request history.Request) ([]byte, error) {
	query := map[string]string{"dir": string(request.Direction), "limit": strconv.Itoa(request.Limit)}
	if request.From != "" {
		query["from"] = request.From
	}
	if request.To != "" {
		query["to"] = request.To
	}
	if filter := s.timelineFilter; filter != "" {
		query["filter"] = filter
	}
	body, _, err := s.get(
		ctx,
		s.client.BuildURLWithQuery(mautrix.ClientURLPath{"v3", "rooms", room, "messages"}, query),
		syncPollSlack,
	)
	return body, err
}

var errSyncSilence = &core.Error{Code: core.CodeTimeout, Op: "matrix_sync_service", Message: "the server fell silent, or hardly answers"}

// get makes one request, without mautrix's own retries, and returns the body
// and the server's time. It is given up when the answer does not begin within
// the time, falls silent, or hardly gets on; a large one over a slow line may
// take long.
func (s *syncService) get(ctx context.Context, url string, within time.Duration) (body []byte, date time.Time, err error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	watch := progress.New(within, syncBodySilence, within+syncBodyTime, func() { cancel(errSyncSilence) })
	defer watch.End()
	body, err = s.client.MakeFullRequest(ctx, mautrix.FullRequest{
		Method: http.MethodGet, URL: url, MaxAttempts: 1,
		Handler: func(_ *http.Request, answer *http.Response, _ any, limit int64) ([]byte, error) {
			date = dateOf(answer)
			return readAnswer(&watchedReader{answer.Body, watch}, answer.ContentLength, limit)
		},
	})
	if cause := context.Cause(ctx); err != nil && errors.Is(cause, errSyncSilence) {
		return nil, date, cause
	}
	return body, date, err
}

// readAnswer reads a body of a size that may be known.
func readAnswer(body io.Reader, size, limit int64) ([]byte, error) {
	if size > limit {
		return nil, mautrix.ErrResponseTooLong
	}
	var buffer bytes.Buffer
	buffer.Grow(int(min(max(size, 0), 1<<26)) + bytes.MinRead) // what a header says is not believed past 64 MiB
	n, err := buffer.ReadFrom(io.LimitReader(body, limit+1))
	switch {
	case err != nil:
		return nil, &core.Error{
			Code:    core.CodeUnavailable,
			Op:      "matrix_sync_service",
			Message: "the answer broke off",
			Err:     err,
		}
	case n > limit:
		return nil, mautrix.ErrBodyReadReachedLimit
	}
	return buffer.Bytes(), nil
}

// watchedReader tells the watch of each piece.
type watchedReader struct {
	io.Reader
	watch *progress.Watch
}

func (r *watchedReader) Read(p []byte) (int, error) {
	n, err := r.Reader.Read(p)
	if n > 0 {
		r.watch.Moved(n)
	}
	return n, err
}
