//go:build unix && !aix && !solaris

package diskqueue_test

import (
	"bufio"
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"os/signal"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"fnregistry.dev/functions/core"
	"fnregistry.dev/functions/infra/diskqueue"
	"fnregistry.dev/functions/internal/childtest"
)

func TestMain(m *testing.M) {
	childtest.Play(map[string]func(args []string) string{
		"work":      childWork,
		"full disk": childFullDisk,
	})
	os.Exit(m.Run())
}

// childWork puts numbers from args[1] on by several goroutines, and takes and
// acknowledges items. It prints "put N" after a Put of N, "got N" when N was
// delivered, and "ack ID" before and "acked ID" after an acknowledgment.
func childWork(args []string) string {
	from, err := strconv.Atoi(args[1])
	if err != nil {
		return err.Error()
	}
	q, err := diskqueue.DiskQueue(diskqueue.DiskQueueConfig{Folder: args[0], SegmentBytes: 500})
	if err != nil {
		return err.Error()
	}
	var printing sync.Mutex
	say := func(what string, n any) {
		printing.Lock()
		defer printing.Unlock()
		fmt.Println(what, n)
	}
	for g := range 3 {
		go func() {
			for n := from + g; ; n += 3 {
				if err := q.Put(fmt.Appendf(nil, "%d", n)); err != nil {
					say("error", err)
					return
				}
				say("put", n)
			}
		}()
	}
	for {
		item, err := q.Next(context.Background())
		if err != nil {
			return err.Error()
		}
		say("got", string(item.Data))
		if item.ID%5 == 0 {
			say("ack", item.ID)
			if err := q.Ack(item.ID); err != nil {
				return err.Error()
			}
			say("acked", item.ID)
		}
	}
}

// A process that is killed at any moment loses nothing that Put has
// acknowledged, and delivers nothing again that Ack has.
func TestDiskQueue_Killed(t *testing.T) {
	t.Parallel()
	const kills = 25
	dir := t.TempDir()
	acknowledged := map[string]bool{} // by Put
	delivered := map[string]bool{}
	acked := 0
	next := 1
	for range kills {
		cmd := childtest.Command(t, "work", dir, strconv.Itoa(next))
		output, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		most := 20 + rand.IntN(200) // lines until the kill
		lines := bufio.NewScanner(output)
		for n := 0; lines.Scan(); n++ {
			what, value, _ := strings.Cut(lines.Text(), " ")
			number, err := strconv.Atoi(value)
			if err != nil {
				t.Fatalf("%q", lines.Text())
			}
			switch what {
			case "put":
				acknowledged[value] = true
				next = max(next, number+3)
			case "got":
				delivered[value] = true
			case "acked":
				acked = max(acked, number)
			}
			if n == most {
				_ = cmd.Process.Kill()
			}
		}
		_ = cmd.Wait()
		next += 3 // the last Puts may be in, without a word
	}
	q := open(t, diskqueue.DiskQueueConfig{Folder: dir})
	seen := map[string]bool{}
	for _, line := range waiting(t, q) {
		id, value, _ := strings.Cut(line, ":")
		if n, err := strconv.Atoi(id); err != nil || n <= acked {
			t.Errorf("item %s is delivered, %d was acknowledged", id, acked)
		}
		if seen[value] {
			t.Errorf("%s is in twice", value)
		}
		seen[value] = true
		delivered[value] = true
	}
	for value := range acknowledged {
		if !delivered[value] {
			t.Errorf("%s was put and is lost", value)
		}
	}
	t.Logf("%d kills, %d acknowledged Puts, %d items left", kills, len(acknowledged), len(seen))
}

// childFullDisk fills a queue until files can't grow any more. The kernel's
// limit cuts a write short, as a full disk does.
func childFullDisk(args []string) string {
	signal.Ignore(syscall.SIGXFSZ) // then write returns EFBIG instead
	limit := syscall.Rlimit{Cur: 1000, Max: 100_000}
	if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &limit); err != nil {
		return err.Error()
	}
	q, err := diskqueue.DiskQueue(diskqueue.DiskQueueConfig{Folder: args[0]})
	if err != nil {
		return err.Error()
	}
	put := func() (n int, err error) {
		for ; err == nil && n < 100; n++ {
			err = q.Put([]byte(fmt.Sprintf("item %d, %s", n+1, strings.Repeat("x", 100))))
		}
		return n - 1, err
	}
	n, err := put()
	if err == nil {
		return "no error"
	}
	failed := n
	// What was put is there, acknowledgments work, and Puts do when there is
	// room again.
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	for range n {
		item, err := q.Next(ctx)
		if err != nil || !strings.HasPrefix(string(item.Data), fmt.Sprintf("item %d,", item.ID)) {
			return fmt.Sprintf("%d %q %v", item.ID, item.Data, err)
		}
	}
	if err := q.Ack(uint64(n)); err != nil {
		return err.Error()
	}
	limit.Cur = limit.Max
	if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &limit); err != nil {
		return err.Error()
	}
	if _, err := put(); err != nil {
		return err.Error()
	}
	item, err := q.Next(ctx)
	return fmt.Sprintf("%d %d %v", failed, item.ID-uint64(failed), err)
}

func TestDiskQueue_FilesCanNotGrow(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if got := childtest.Run(t, "full disk", dir); got != "8 1 <nil>" { // 8 records fit into 1,000 bytes
		t.Errorf("got %q", got)
	}
}

// A real disk of 256 kB.
func TestDiskQueue_FullDisk(t *testing.T) {
	t.Parallel()
	dir := smallDisk(t)
	q := open(t, diskqueue.DiskQueueConfig{Folder: dir, SegmentBytes: 16 << 10})
	n := 0
	var err error
	for err == nil && n < 1000 {
		if err = q.Put([]byte(strings.Repeat("x", 1000))); err == nil {
			n++
		}
	}
	if core.ErrorCode(err) != core.CodeUnavailable || n < 100 {
		t.Fatalf("%d Puts, then %v", n, err)
	}
	for i := range n { // all that was acknowledged is there, and Ack makes room
		item, err := q.Next(t.Context())
		if err != nil || item.ID != uint64(i+1) || len(item.Data) != 1000 {
			t.Fatalf("item %d: %d, %v", i+1, item.ID, err)
		}
		if err := q.Ack(item.ID); err != nil {
			t.Fatal(err)
		}
	}
	put(t, q, "after it")
	if got := waiting(t, q); len(got) != 1 || !strings.HasSuffix(got[0], ":after it") {
		t.Errorf("%v", got)
	}
}
