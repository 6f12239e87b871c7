package matrix_test

import "testing"

func TestBasics(t *testing.T) {
	a, b := newClient(t, "a"), newClient(t, "b")
	room := newRoom(t, a, b)
	newDB(t)
	if _, err := a.SendText(t.Context(), room, "hello"); err != nil {
		t.Fatal(err)
	}
}
