package matrixsync_test

import (
	"context"
	"runtime"
	"runtime/debug"
	"runtime/metrics"
	"slices"
	"testing"
	"time"

	"maunium.net/go/mautrix"
	"maunium.net/go/mautrix/event"

	"fnregistry.dev/functions/infra/matrix"
	"fnregistry.dev/functions/infra/matrix/matrixsync"
)

// BenchmarkMatrixSyncService reads the same recorded responses in turns with
// mautrix's own loop and with the service, in memory and with SQLite, there
// with all events acknowledged. The ratios are of events/s, medians over the
// rounds.
func BenchmarkMatrixSyncService(b *testing.B) {
	events, state := recordEvents(b)
	responses := record(events, state, 40, 20, 25, 0)
	const total = 40 * 20 * 25
	runs := map[string]func(*testing.B, [][]byte, int){"mautrix": mautrixSync, "memory": memorySync, "sqlite": sqliteSync}
	took, allocs := map[string][]float64{}, map[string][]float64{}
	for b.Loop() {
		for _, name := range []string{"mautrix", "memory", "sqlite"} {
			runtime.GC()
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			began := time.Now()
			runs[name](b, responses, total)
			took[name] = append(took[name], time.Since(began).Seconds())
			runtime.ReadMemStats(&after)
			allocs[name] = append(allocs[name], float64(after.Mallocs-before.Mallocs)/total)
		}
	}
	for name := range runs {
		b.ReportMetric(total/median(took[name]), name+"-events/s")
		b.ReportMetric(median(allocs[name]), name+"-allocs/event")
		if name != "mautrix" {
			b.ReportMetric(median(ratios(took["mautrix"], took[name])), name+"/mautrix")
		}
	}
	b.ReportMetric(0, "ns/op")
}

func mautrixSync(b *testing.B, responses [][]byte, total int) {
	ctx, cancel := context.WithCancel(b.Context())
	defer cancel()
	client := recordedClient(b, &recorded{responses: responses})
	count := 0
	syncer := mautrix.NewDefaultSyncer()
	syncer.OnEvent(func(context.Context, *event.Event) {
		if count++; count == total {
			cancel()
		}
	})
	client.Syncer = syncer
	if err := client.SyncWithContext(ctx); err != context.Canceled {
		b.Fatal(err)
	}
}

func memorySync(b *testing.B, responses [][]byte, total int) {
	serviceSync(b, matrixsync.MatrixSyncServiceConfig{}, responses, total)
}

func sqliteSync(b *testing.B, responses [][]byte, total int) {
	b.StopTimer()
	cfg := matrixsync.MatrixSyncServiceConfig{Store: newStore(b)}
	b.StartTimer()
	serviceSync(b, cfg, responses, total)
}

func serviceSync(b *testing.B, cfg matrixsync.MatrixSyncServiceConfig, responses [][]byte, total int) {
	cfg.Client = recordedClient(b, &recorded{responses: responses})
	cfg.MinInterval = time.Millisecond // mautrix has none
	service, err := matrixsync.MatrixSyncService(b.Context(), cfg)
	if err != nil {
		b.Fatal(err)
	}
	defer service.Stop()
	var done []matrix.MatrixSyncEvent
	for count := 1; count <= total; count++ {
		e := <-service.Events
		if cfg.Store == nil {
			continue
		}
		if done = append(done, e); len(done) == 100 || count == total {
			if err := service.Ack(b.Context(), done...); err != nil {
				b.Fatal(err)
			}
			done = done[:0]
		}
	}
}

// BenchmarkMatrixSyncService_InitialSync measures the peak memory of a first
// sync of 50 MB, excluding the response.
func BenchmarkMatrixSyncService_InitialSync(b *testing.B) {
	events, state := recordEvents(b)
	responses := record(events, state, 1, 200, 50, 500)
	if len(responses[0]) < 50e6 {
		b.Fatalf("only %d bytes", len(responses[0]))
	}
	const timeline, all = 200 * 50, 200 * (50 + 500)
	var peaks = map[string][]float64{}
	for b.Loop() {
		peaks["mautrix"] = append(peaks["mautrix"], peakMB(func() { mautrixSync(b, responses, all) }))
		peaks["memory"] = append(peaks["memory"], peakMB(func() { memorySync(b, responses, timeline) }))
		peaks["sqlite"] = append(peaks["sqlite"], peakMB(func() { sqliteSync(b, responses, timeline) }))
	}
	for name, peak := range peaks {
		b.ReportMetric(median(peak), name+"-peak-MB")
	}
	b.ReportMetric(median(ratios(peaks["memory"], peaks["mautrix"])), "memory/mautrix-peak")
	b.ReportMetric(float64(len(responses[0]))/1e6, "response-MB")
	b.ReportMetric(0, "ns/op")
}

// peakMB runs do and returns the peak growth of the heap's live and uncollected
// objects.
func peakMB(do func()) float64 {
	debug.FreeOSMemory()
	sample := []metrics.Sample{{Name: "/memory/classes/heap/objects:bytes"}}
	metrics.Read(sample)
	before := sample[0].Value.Uint64()
	stop, peak := make(chan struct{}), make(chan uint64)
	go func() {
		highest := before
		ticker := time.NewTicker(time.Millisecond)
		defer ticker.Stop()
		for {
			select {
			case <-ticker.C:
				metrics.Read(sample)
				highest = max(highest, sample[0].Value.Uint64())
			case <-stop:
				peak <- highest
				return
			}
		}
	}()
	do()
	close(stop)
	return float64(<-peak-before) / 1e6
}

// ratios returns a[i]/b[i].
func ratios(a, b []float64) []float64 {
	out := make([]float64, len(a))
	for i := range a {
		out[i] = a[i] / b[i]
	}
	return out
}

func median(values []float64) float64 {
	values = slices.Sorted(slices.Values(values))
	return values[len(values)/2]
}
