package matrixoutbox_test

import (
	"fmt"
	"net/http"
	"slices"
	"sync"
	"testing"
	"time"

	"maunium.net/go/mautrix"
	"maunium.net/go/mautrix/event"
	"maunium.net/go/mautrix/id"

	"fnregistry.dev/functions/infra/matrix"
	"fnregistry.dev/functions/infra/matrix/matrixoutbox"
)

const (
	outboxBenchRooms   = 8
	outboxBenchPerRoom = 20
)

// Messages per second through the outbox, from Enqueue to the last response,
// and as a ratio to bare sends of the same client, in as many rooms
// concurrently. Both take turns; the median of the rounds counts.
func BenchmarkMatrixOutbox_Sends(b *testing.B) {
	client := newClient(b, "bench")
	client.Client.Transport.(*http.Transport).MaxIdleConnsPerHost = outboxBenchRooms // as matrix_client_init has it
	var rooms []id.RoomID
	for range outboxBenchRooms {
		rooms = append(rooms, newRoom(b, client))
	}
	outbox := startOutbox(b, client, matrixoutbox.MatrixOutboxConfig{Concurrency: outboxBenchRooms})
	const total = outboxBenchRooms * outboxBenchPerRoom
	var queued, bare, ratio []float64
	round := 0
	for b.Loop() {
		var q, h time.Duration
		if round%2 == 0 {
			q, h = benchOutbox(b, outbox, rooms), benchBare(b, client, rooms)
		} else {
			h, q = benchBare(b, client, rooms), benchOutbox(b, outbox, rooms)
		}
		round++
		queued, bare, ratio = append(queued, total/q.Seconds()), append(bare, total/h.Seconds()), append(ratio, h.Seconds()/q.Seconds())
	}
	b.ReportMetric(outboxMedian(queued), "sends/s")
	b.ReportMetric(outboxMedian(bare), "sends/s-bare")
	b.ReportMetric(outboxMedian(ratio), "x-of-bare")
}

func benchOutbox(b *testing.B, outbox *matrixoutbox.MatrixOutboxHandle, rooms []id.RoomID) time.Duration {
	var items []matrix.MatrixOutboxItem
	for i := range outboxBenchPerRoom {
		for _, room := range rooms {
			items = append(items, outboxText(room, fmt.Sprint(i)))
		}
	}
	start := time.Now()
	ids, err := outbox.Enqueue(b.Context(), items...)
	if err != nil {
		b.Fatal(err)
	}
	outboxSent(b, outbox, ids...)
	return time.Since(start)
}

func benchBare(b *testing.B, client *mautrix.Client, rooms []id.RoomID) time.Duration {
	start := time.Now()
	var work sync.WaitGroup
	for _, room := range rooms {
		work.Go(func() {
			for i := range outboxBenchPerRoom {
				content := map[string]any{"msgtype": "m.text", "body": fmt.Sprint(i)}
				if _, err := client.SendMessageEvent(b.Context(), room, event.EventMessage, content); err != nil {
					b.Error(err)
				}
			}
		})
	}
	work.Wait()
	return time.Since(start)
}

// Items queued per second, one per transaction and 100 per transaction. Nothing
// is sent meanwhile.
func BenchmarkMatrixOutbox_Enqueue(b *testing.B) {
	for _, batch := range []int{1, 100} {
		b.Run(fmt.Sprintf("batch=%d", batch), func(b *testing.B) {
			client, err := mautrix.NewClient("http://127.0.0.1:9", "@bench:localhost", "") // where no server is
			if err != nil {
				b.Fatal(err)
			}
			cfg := outboxQuick
			cfg.Backoff.Initial, cfg.Backoff.Max = time.Hour, time.Hour
			outbox := startOutbox(b, client, cfg)
			items := outboxItems("!bench:localhost", 0, batch)
			n := 0
			for b.Loop() {
				if _, err := outbox.Enqueue(b.Context(), items...); err != nil {
					b.Fatal(err)
				}
				n += batch
			}
			b.ReportMetric(float64(n)/b.Elapsed().Seconds(), "items/s")
		})
	}
}

func outboxMedian(values []float64) float64 {
	slices.Sort(values)
	return values[len(values)/2]
}
