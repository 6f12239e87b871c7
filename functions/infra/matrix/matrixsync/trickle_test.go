package matrixsync_test

import (
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"fnregistry.dev/functions/core"
	"fnregistry.dev/functions/infra/matrix/matrixsync"
)

// trickle answers the first sync at once, and the others with so many bytes a
// second.
type trickle struct{ bytes int }

func (h trickle) RoundTrip(request *http.Request) (*http.Response, error) {
	const token = `{"next_batch":"s1"}`
	if request.URL.Query().Get("since") == "" {
		return answerJSON(request, 200, []byte(token)), nil
	}
	answer := answerJSON(request, 200, nil)
	answer.ContentLength = -1
	answer.Body = io.NopCloser(&slowBody{h.bytes, request, strings.NewReader(token + strings.Repeat(" ", 1<<20))})
	return answer, nil
}

type slowBody struct {
	bytes   int
	request *http.Request
	rest    io.Reader
}

func (b *slowBody) Read(p []byte) (int, error) {
	select {
	case <-time.After(time.Second):
	case <-b.request.Context().Done():
		return 0, b.request.Context().Err()
	}
	return b.rest.Read(p[:min(len(p), b.bytes)])
}

// A server that sends a byte a second is no healthy one; one that sends a large
// answer over a slow line is.
func TestSync_Trickle(t *testing.T) {
	t.Parallel()
	for bytes, want := range map[int]string{1: matrixsync.MatrixSyncDegraded, 8 << 10: matrixsync.MatrixSyncHealthy} {
		synctest.Test(t, func(t *testing.T) {
			service, err := matrixsync.MatrixSyncService(t.Context(), matrixsync.MatrixSyncServiceConfig{Client: recordedClient(t, trickle{bytes})})
			if err != nil {
				t.Fatal(err)
			}
			time.Sleep(4 * time.Minute)
			health := service.Health()
			if health.State != want || (health.Err != nil) != (want == matrixsync.MatrixSyncDegraded) {
				t.Errorf("%d bytes a second: %+v", bytes, health)
			}
			if health.Err != nil && core.ErrorCode(health.Err) != core.CodeTimeout {
				t.Error(health.Err)
			}
			service.Stop()
		})
	}
}
