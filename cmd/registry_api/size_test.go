package main

import (
	"encoding/json"
	"strings"
	"testing"

	"fnregistry.dev/fn_registry/catalog"
	"fnregistry.dev/fn_registry/size/ledger"
)

// TestSize: the server reports what fn size has stored in its cache folder, and
// null until then. It builds nothing.
func TestSize(t *testing.T) {
	t.Parallel()
	cache, dir := t.TempDir(), t.TempDir()
	write(t, dir, sample())
	s := start(t, "-root", dir, "-cache", cache)
	bytes := func(id string) *int64 {
		t.Helper()
		var unit map[string]json.RawMessage
		var n *int64
		if err := json.Unmarshal(s.get("/api/v1/units/"+id, nil).body, &unit); err != nil || unit["bytes"] == nil || json.Unmarshal(unit["bytes"], &n) != nil {
			t.Fatalf("bytes is %s: %v", unit["bytes"], err)
		}
		return n
	}
	page := func(id string) string { return string(s.get("/units/"+id, nil).body) }
	if n := bytes("wait_go_f"); n != nil || !strings.Contains(page("wait_go_f"), "<dd>not measured; run fn size wait</dd>") {
		t.Errorf("nothing was measured, and the unit weighs %v", n)
	}
	c, _, err := catalog.Load(t.Context(), catalog.Options{Roots: []string{dir}})
	if err != nil {
		t.Fatal(err)
	}
	for id, n := range map[string]int64{"wait_go_f": 4_350_000, "tool_go_apps": 12_000_000} {
		if err := ledger.Of(cache).Put(ledger.UnitKey(c, c.Unit(id)), n); err != nil {
			t.Fatal(err)
		}
	}
	if n := bytes("wait_go_f"); n == nil || *n != 4_350_000 {
		t.Errorf("measured, and the unit weighs %v", n)
	}
	if text := page("wait_go_f"); !strings.Contains(text, "4.35 MB more in a small server") {
		t.Error("the unit's page does not show it")
	}
	if text := page("tool_go_apps"); !strings.Contains(text, "<dd>12.00 MB</dd>") {
		t.Error("the program's page does not show it")
	}
	write(t, dir, unitFiles("wait", "Waits between two tries, longer each time.", "Round(2)"))
	s.until("the figure is out of date", func() bool { return bytes("wait_go_f") == nil })
}
