package proof_test

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/signal"
	"runtime/pprof"
	"strings"
	"sync"
	"syscall"
	"time"

	"fnregistry.dev/functions/infra/matrix/matrixoutbox"
	"fnregistry.dev/functions/infra/matrix/matrixsync"
)

// onReport prints a report of a child to stderr on each SIGUSR1: the result of
// state, its last errors and its goroutines. It reads errors until the child
// ends.
func onReport(name string, state func() string, errors <-chan error) {
	var mu sync.Mutex
	var last []string
	go func() {
		for err := range errors {
			mu.Lock()
			last = append(last, time.Now().Format(time.TimeOnly)+" "+err.Error())
			last = last[max(0, len(last)-10):]
			mu.Unlock()
		}
	}()
	asked := make(chan os.Signal, 1)
	signal.Notify(asked, syscall.SIGUSR1)
	go func() {
		for range asked {
			var text bytes.Buffer
			fmt.Fprintf(&text, "%s at %s:\n%s", name, time.Now().Format(time.TimeOnly), state())
			mu.Lock()
			fmt.Fprintf(&text, "last errors:\n  %s\n", strings.Join(last, "\n  "))
			mu.Unlock()
			_ = pprof.Lookup("goroutine").WriteTo(&text, 1)
			_, _ = os.Stderr.Write(text.Bytes())
		}
	}()
}

// writerReport summarises the queue: the number of items in each state, and the
// items that were tried.
func writerReport(outbox *matrixoutbox.MatrixOutboxHandle) string {
	var text strings.Builder
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	status, err := outbox.Status(ctx)
	fmt.Fprintf(&text, "  %+v %v\n", status, err)
	for _, state := range []string{"queued", "aside"} {
		entries, err := outbox.Entries(ctx, state, 1_000_000)
		if err != nil {
			fmt.Fprintf(&text, "  %s: %v\n", state, err)
		}
		for _, e := range entries {
			if e.Tries > 0 {
				fmt.Fprintf(&text, "  %s %s tries=%d uncertain=%t next=%s error=%q\n", state, e.TransactionID, e.Tries, e.Uncertain, e.Next.Format(time.TimeOnly), e.Error)
			}
		}
	}
	return text.String()
}

// readerReport lists the store's unacknowledged events, and the state of the
// sync.
func readerReport(service *matrixsync.MatrixSyncServiceHandle, store matrixsync.MatrixSyncStorage) string {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	health := service.Health()
	pending, err := store.Pending(ctx, 0, 1_000_000)
	return fmt.Sprintf("  %+v\n  %d events in the channel, %d not acknowledged (%v)\n", health, len(service.Events), len(pending), err)
}
