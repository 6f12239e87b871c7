package matrixoutbox_test

import (
	"fmt"
	"slices"
	"sync/atomic"
	"testing"

	"fnregistry.dev/functions/core"
	"fnregistry.dev/functions/infra/matrix"
	"fnregistry.dev/functions/infra/matrix/internal/matrixtest"
	"fnregistry.dev/tools/testenv/testkit/servers"
)

// A send that a proxy redirects to another host counts as not sent, and that
// host gets nothing; it is sent once the proxy works again.
func TestMatrixOutbox_Redirect(t *testing.T) {
	t.Parallel()
	for _, status := range []int{301, 302, 303, 307, 308} {
		t.Run(fmt.Sprint(status), func(t *testing.T) {
			t.Parallel()
			server := servers.Matrix(t)
			user := server.NewUser(t, "redirect")
			direct := clientFor(t, server.URL, user)
			room := newRoom(t, direct)
			var on atomic.Bool
			var asked atomic.Int64
			on.Store(true)
			client := clientFor(t, matrixtest.Redirecting(t, server.URL, "PUT", status, &on, &asked), user)

			_, err := matrix.MatrixSendMessage(t.Context(), matrix.MatrixSendMessageConfig{Client: client, Room: room, Message: matrix.MatrixMessage{Text: "at once"}})
			if core.ErrorCode(err) != core.CodeUnavailable || core.ErrorHint(err) == "" {
				t.Errorf("sent at once: %v", err)
			}
			outbox := startOutbox(t, client, outboxQuick)
			put := outboxPut(t, outbox, outboxText(room, "queued"))
			until(t, "a try", func() bool {
				entry, err := outbox.Entry(t.Context(), put[0])
				if err != nil || entry.State != "queued" {
					t.Fatalf("%+v %v", entry, err)
				}
				return entry.Tries > 0 && entry.Error != ""
			})
			on.Store(false)
			outboxSent(t, outbox, put...)
			if got := outboxBodies(t, direct, room, 1); !slices.Equal(got, []string{"queued"}) {
				t.Errorf("in the room: %q", got)
			}
			if asked.Load() != 0 {
				t.Errorf("the other host was asked %d times", asked.Load())
			}
		})
	}
}
