package matrixoutbox

import "testing"

func isClosed(news chan struct{}) bool {
	select {
	case <-news:
		return true
	default:
		return false
	}
}

func TestWaiters(t *testing.T) {
	t.Parallel()
	w := newWaiters()
	first, _ := w.add("a")
	second, ended := w.add("a")
	gone, _ := w.add("a")
	other, _ := w.add("b")
	w.remove("a", gone)
	w.notify("a")
	if !isClosed(first) || !isClosed(second) || isClosed(gone) || isClosed(other) || ended {
		t.Error("notify woke others than those who wait for the item")
	}
	if len(w.byTransaction) != 1 {
		t.Errorf("left: %v", w.byTransaction)
	}
	w.close()
	if !isClosed(other) {
		t.Error("close did not wake all")
	}
	if news, ended := w.add("b"); !ended || isClosed(news) {
		t.Error("added after the end")
	}
	w.notify("b")
}
