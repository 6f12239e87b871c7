package id

import (
	"crypto/rand"
	"encoding/binary"
	"encoding/hex"
	"sync/atomic"
	"time"
)

// newest is the time of the newest ID, in 1/4096 milliseconds since 1970.
var newest atomic.Int64

// IDNew returns a new UUID of version 7 in its canonical form, 36 characters in
// lower case: the time in milliseconds, 12 bits of what is below a millisecond,
// and 62 random bits.
//
// Each ID of a process is greater than those that it made before, as text and
// as bytes, also when several goroutines make them and when the clock is put
// back. It can't fail: without a source of randomness the program ends
// (crypto/rand).
//
// More in id_new.md:
//   - The order holds within one process.
//   - After the clock was put back, IDs go on from the latest time, 1/4096 ms
//     apart, until the clock has caught up: their times are that much in the
//     future.
func IDNew() string {
	var random [8]byte
	_, _ = rand.Read(random[:]) // never an error, see crypto/rand
	return format(tick(time.Now()), binary.BigEndian.Uint64(random[:]))
}

// tick returns now in 1/4096 milliseconds, or the first such time that no ID
// has yet.
func tick(now time.Time) int64 {
	below := int64(now.Nanosecond()) % int64(time.Millisecond)
	at := max(now.UnixMilli(), 0)<<12 | below<<12/int64(time.Millisecond)
	for {
		previous := newest.Load()
		at = max(at, previous+1)
		if newest.CompareAndSwap(previous, at) {
			return at
		}
	}
}

func format(at int64, random uint64) string {
	var raw [16]byte
	binary.BigEndian.PutUint64(raw[:8], uint64(at)>>12<<16|0x7000|uint64(at)&0xfff)
	binary.BigEndian.PutUint64(raw[8:], random&(1<<62-1)|1<<63)
	var text [36]byte
	hex.Encode(text[:8], raw[:4])
	hex.Encode(text[9:13], raw[4:6])
	hex.Encode(text[14:18], raw[6:8])
	hex.Encode(text[19:23], raw[8:10])
	hex.Encode(text[24:], raw[10:])
	for _, dash := range dashes {
		text[dash] = '-'
	}
	return string(text[:])
}

// dashes are their places in a UUID's canonical form.
var dashes = [...]int{8, 13, 18, 23}
