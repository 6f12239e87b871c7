package search

import (
	"bytes"
	"encoding/binary"
	"errors"
	"hash/crc32"
	"io"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
)

// smallIndex has several parts, removed units, boosts and signatures.
func smallIndex(tb testing.TB) *Index {
	tb.Helper()
	docs := goldenUnits(tb)
	x := Build(slices.Values(docs[:20])).Update([]string{docs[3].Key}, docs[20:24]).Update(nil, docs[24:25])
	if len(x.parts) < 2 || x.parts[0].dead == nil {
		tb.Fatalf("%d parts, no removed units", len(x.parts))
	}
	return x
}

func written(tb testing.TB, x *Index) []byte {
	tb.Helper()
	var b bytes.Buffer
	if _, err := x.WriteTo(&b); err != nil {
		tb.Fatal(err)
	}
	return b.Bytes()
}

// resum sets the correct checksum for changed data.
func resum(data []byte) []byte {
	if len(data) < 4 {
		return data
	}
	body := data[:len(data)-4]
	return binary.LittleEndian.AppendUint32(slices.Clone(body), crc32.Checksum(body, castagnoli))
}

func TestLoadRefusesDamage(t *testing.T) {
	t.Parallel()
	data := written(t, smallIndex(t))
	refused := func(what string, data []byte) {
		t.Helper()
		if x, err := Load(data); x != nil || !errors.Is(err, ErrDamaged) {
			t.Errorf("%s: %v", what, err)
		}
	}
	for n := range data {
		refused("cut short", data[:n])
	}
	for i := range data {
		changed := slices.Clone(data)
		changed[i] ^= 1 << (i % 8)
		refused("changed bit", changed)
	}
	refused("longer", append(slices.Clone(data), 0))
	refused("longer, with checksum", resum(append(slices.Clone(data), 0, 0, 0, 0, 0)))
	other := slices.Clone(data)
	other[len(magic)-1]++
	refused("other version", resum(other))
	refused("text", []byte(strings.Repeat("not an index ", 100)))
}

func TestCheckList(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		list string
		ok   bool
	}{
		{"\x01\x09\x01", true},
		{"\x0a\x09\x01", true},
		{"\x0b\x09\x01", false},                             // beyond the last unit
		{"\x05\x09\x01\x05\xff\x01", true},                  //
		{"\x05\x09\x01\x06\xff\x01", false},                 // beyond it by the second
		{"\x00\x09\x01", false},                             // before the first
		{"\x01\x09\x01\x00\x09\x01", false},                 // twice the same
		{"\x01\x00\x01", false},                             // of no weight
		{"\x01\x09", false},                                 // truncated
		{"\x81", false},                                     // inside a number
		{"\x81\x80\x00\x09\x01", true},                      // a longer way to write 1
		{"\x81\x80\x80\x80\x80\x80\x80\x00\x09\x01", false}, // a much longer one
	} {
		if err := checkList([]byte(c.list), 10); (err == nil) != c.ok {
			t.Errorf("%x: %v", c.list, err)
		}
	}
}

// exercise uses every part of an index.
func exercise(x *Index) {
	for _, text := range []string{"", "write file", "fil", "sqlite migrtae", `"exit code" -http`, "func(_, string) error",
		"func([]T, func(T) bool) []T", "func(context.Con", "backoff_delay_go_core"} {
		res := x.Search(ParseQuery(text), everything)
		res.Spans("write files")
	}
	x.Similar(Draft{Name: "file_write", Signature: "func(string, any) error", Description: "Writes a file"}, 5)
	y := x.Update([]string{"error_go_core"}, []Doc{{Key: "a", Name: "file"}})
	y.WithBoosts(func(string) float64 { return 1 }).WriteTo(io.Discard)
	newIndex(compact(slices.Clone(y.parts)))
}

// TestLoadedDamageIsHarmless changes bytes and fixes the checksum: an index
// that still loads must not panic.
func TestLoadedDamageIsHarmless(t *testing.T) {
	t.Parallel()
	data := written(t, smallIndex(t))
	r := rand.New(rand.NewPCG(1, 1))
	loaded := 0
	for range 3000 {
		changed := slices.Clone(data)
		for range 1 + r.IntN(3) {
			changed[r.IntN(len(changed))] = byte(r.Uint32())
		}
		if x, err := Load(resum(changed)); err == nil {
			loaded++
			exercise(x)
		}
	}
	if loaded < 100 {
		t.Errorf("only %d loaded", loaded)
	}
}

func FuzzLoad(f *testing.F) {
	docs := goldenUnits(f)
	f.Add(written(f, new(Index)))
	f.Add(written(f, Build(slices.Values(docs[:1]))))
	f.Add(written(f, Build(slices.Values(docs[8:11])).Update([]string{docs[9].Key}, docs[:1])))
	f.Fuzz(func(t *testing.T, data []byte) {
		x, err := Load(resum(data))
		if err != nil {
			if !errors.Is(err, ErrDamaged) {
				t.Errorf("%v does not wrap ErrDamaged", err)
			}
			return
		}
		exercise(x)
	})
}

func TestWriteToIsDeterministic(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(2, 2))
	docs := randomDocs(r, 2*batchDocs+100, math.MaxInt32)
	a, b := written(t, Build(slices.Values(docs))), written(t, Build(slices.Values(docs)))
	if !bytes.Equal(a, b) {
		t.Error("two builds of the same units differ")
	}
	x, err := Load(a)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(written(t, x), a) {
		t.Error("a loaded index is written differently")
	}
}

type fullDisk struct{ room int }

func (d *fullDisk) Write(b []byte) (int, error) {
	if len(b) > d.room {
		return d.room, io.ErrShortWrite
	}
	d.room -= len(b)
	return len(b), nil
}

func TestWriteToReportsErrors(t *testing.T) {
	t.Parallel()
	if _, err := smallIndex(t).WriteTo(&fullDisk{room: 100}); !errors.Is(err, io.ErrShortWrite) {
		t.Errorf("got %v", err)
	}
}
