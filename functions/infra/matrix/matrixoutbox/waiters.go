package matrixoutbox

import (
	"slices"
	"sync"
)

// waiters are the goroutines that wait for news of an item.
type waiters struct {
	mu            sync.Mutex
	byTransaction map[string][]chan struct{}
	closed        bool
}

func newWaiters() *waiters { return &waiters{byTransaction: map[string][]chan struct{}{}} }

// add returns a channel that is closed when there is news of an item. ended
// says that there will be none: the outbox has ended.
func (w *waiters) add(transaction string) (news chan struct{}, ended bool) {
	news = make(chan struct{})
	w.mu.Lock()
	defer w.mu.Unlock()
	if !w.closed {
		w.byTransaction[transaction] = append(w.byTransaction[transaction], news)
	}
	return news, w.closed
}

// remove forgets a channel of add that is not waited for any more.
func (w *waiters) remove(transaction string, news chan struct{}) {
	w.mu.Lock()
	defer w.mu.Unlock()
	left := slices.DeleteFunc(w.byTransaction[transaction], func(c chan struct{}) bool { return c == news })
	if len(left) == 0 {
		delete(w.byTransaction, transaction)
	} else {
		w.byTransaction[transaction] = left
	}
}

// notify wakes who waits for an item.
func (w *waiters) notify(transaction string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, news := range w.byTransaction[transaction] {
		close(news)
	}
	delete(w.byTransaction, transaction)
}

// close wakes all, for good.
func (w *waiters) close() {
	w.mu.Lock()
	w.closed = true
	w.mu.Unlock()
	w.notifyAll()
}

// notifyAll wakes all.
func (w *waiters) notifyAll() {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, waiting := range w.byTransaction {
		for _, news := range waiting {
			close(news)
		}
	}
	clear(w.byTransaction)
}
