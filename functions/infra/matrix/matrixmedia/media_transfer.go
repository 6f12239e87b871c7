package matrixmedia

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"os"
	"sync"
	"time"

	"maunium.net/go/mautrix"

	"fnregistry.dev/functions/core"
	"fnregistry.dev/functions/infra/matrix"
	"fnregistry.dev/functions/infra/matrix/internal/redirect"
	"fnregistry.dev/functions/infra/work"
)

// mediaStall is how long a transfer may stand without a byte: a homeserver may
// first have to fetch a file from another one.
const mediaStall = 60 * time.Second

// mediaRetry is how often a transfer is tried. It waits 1, 2, 4 s and so on, or
// as long as the server says.
var mediaRetry = work.RetryDoConfig{Tries: 3} // a connection that breaks three times is no accident

var errMediaStalled = &core.Error{Code: core.CodeTimeout, Message: "no byte has passed for a while"}

// mediaWatch ends a transfer in which nothing moves. A deadline for the whole
// of it, as http.Client has, would cut large files off on slow lines.
type mediaWatch struct {
	cancel context.CancelCauseFunc
	timer  *time.Timer
	stall  time.Duration
}

func newMediaWatch(ctx context.Context, stall time.Duration) (context.Context, *mediaWatch) {
	if stall <= 0 {
		stall = mediaStall
	}
	ctx, cancel := context.WithCancelCause(ctx)
	w := &mediaWatch{cancel: cancel, stall: stall}
	w.timer = time.AfterFunc(stall, func() { cancel(errMediaStalled) })
	return ctx, w
}

func (w *mediaWatch) moved() { w.timer.Reset(w.stall) }

func (w *mediaWatch) stop() {
	w.timer.Stop()
	w.cancel(context.Canceled)
}

// mediaError prefers the reason for which a transfer was given up to the
// "context canceled" that came of it.
func mediaError(ctx context.Context, op string, err error) error {
	if err != nil && errors.Is(context.Cause(ctx), errMediaStalled) {
		return &core.Error{Code: core.CodeTimeout, Op: op, Message: errMediaStalled.Message}
	}
	return matrix.MatrixError(op, err)
}

// mediaClient is the client's without its deadline for a whole exchange, and
// follows no redirect to another host.
func mediaClient(client *mautrix.Client) *http.Client {
	own := redirect.Strict(client.Client)
	own.Timeout = 0
	return own
}

// mediaSpool keeps content until it is known to be whole: small ones in memory,
// others in a temporary file.
type mediaSpool struct {
	small []byte
	file  *os.File
	size  int64
}

const spoolMemory = 1 << 20

func (s *mediaSpool) Write(p []byte) (int, error) {
	if s.file == nil && len(s.small)+len(p) > spoolMemory {
		file, err := os.CreateTemp("", "matrix-media-")
		if err != nil {
			return 0, err
		}
		s.file = file
		if _, err := file.Write(s.small); err != nil {
			return 0, err
		}
		s.small = nil
	}
	if s.file == nil {
		s.small = append(s.small, p...)
		s.size += int64(len(p))
		return len(p), nil
	}
	n, err := s.file.Write(p)
	s.size += int64(n)
	return n, err
}

// reader reads all from the start.
func (s *mediaSpool) reader() io.ReadSeeker {
	if s.file == nil {
		return bytes.NewReader(s.small)
	}
	return io.NewSectionReader(s.file, 0, s.size)
}

func (s *mediaSpool) close() {
	if s != nil && s.file != nil {
		s.file.Close()
		os.Remove(s.file.Name())
	}
}

// mediaLimits has the homeservers' upload limits by their URL.
var mediaLimits sync.Map // string to mediaLimit

type mediaLimit struct {
	bytes int64 // 0: none known
	until time.Time
}

const mediaLimitTTL = 10 * time.Minute

// mediaUploadLimit asks the server how large an upload may be; 0: it does not
// say. The response is kept for ten minutes.
func mediaUploadLimit(ctx context.Context, client *mautrix.Client) (int64, error) {
	key := client.HomeserverURL.String()
	if known, ok := mediaLimits.Load(key); ok && time.Now().Before(known.(mediaLimit).until) {
		return known.(mediaLimit).bytes, nil
	}
	limit := int64(0)
	config, err := client.GetMediaConfig(ctx)
	if err == nil && config != nil {
		limit = max(config.UploadSize, 0)
	} else if err = matrix.MatrixError("matrix_upload_media config", err); core.ErrorCode(err) != core.CodeNotFound && core.ErrorCode(err) != core.CodeUnsupported {
		return 0, err
	}
	mediaLimits.Store(key, mediaLimit{bytes: limit, until: time.Now().Add(mediaLimitTTL)})
	return limit, nil
}
