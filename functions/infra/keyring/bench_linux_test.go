package keyring

import (
	"testing"
	"time"

	"github.com/godbus/dbus/v5"
	gokeyring "github.com/zalando/go-keyring"

	"fnregistry.dev/tools/testenv/testkit/servers"
)

// Each call alternates with go-keyring's own; x-of-go-keyring is our speed
// relative to its.
func BenchmarkKeyringTokenStore(b *testing.B) {
	servers.Keyring(b)
	service := newService(b)
	s := mustStore(b, service)
	set(b, s, "name", value)
	b.Cleanup(func() { // go-keyring keeps its connection, which the leak check would find
		if conn, err := dbus.SessionBus(); err == nil {
			conn.Close()
		}
	})
	for _, c := range []struct {
		name         string
		ours, theirs func() error
	}{
		{"Get", func() error { _, err := s.Get(b.Context(), "name"); return err },
			func() error { _, err := gokeyring.Get(service, "name"); return err }},
		{"Set", func() error { return s.Set(b.Context(), "name", value) },
			func() error { return gokeyring.Set(service, "name", value) }},
	} {
		b.Run(c.name, func(b *testing.B) {
			var ours, theirs time.Duration
			for b.Loop() {
				start := time.Now()
				if err := c.ours(); err != nil {
					b.Fatal(err)
				}
				middle := time.Now()
				if err := c.theirs(); err != nil {
					b.Fatal(err)
				}
				ours, theirs = ours+middle.Sub(start), theirs+time.Since(middle)
			}
			b.ReportMetric(float64(ours.Nanoseconds())/float64(b.N), "ns/ours")
			b.ReportMetric(float64(theirs.Nanoseconds())/float64(b.N), "ns/go-keyring")
			b.ReportMetric(float64(theirs)/float64(ours), "x-of-go-keyring")
		})
	}
}
