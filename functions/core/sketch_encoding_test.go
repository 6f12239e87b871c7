package core_test

import (
	"bytes"
	"encoding/json"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"fnregistry.dev/functions/core"
)

func TestSketchEncoding_RoundTrip(t *testing.T) {
	t.Parallel()
	sketches := map[string]*core.QuantileSketch{
		"unused":               {},
		"unused with settings": {RelativeError: 0.2, MaxBuckets: 77},
	}
	for name, next := range sketchDistributions {
		rng := rand.New(rand.NewPCG(13, 14))
		s := &core.QuantileSketch{RelativeError: 0.02}
		for range 500 {
			s.Add(next(rng))
		}
		sketches[name] = s
	}
	for name, s := range sketches {
		text, err := json.Marshal(struct{ Sketch core.QuantileSketch }{*s}) // as a field, by value
		if err != nil {
			t.Fatal(err)
		}
		var fromJSON struct{ Sketch core.QuantileSketch }
		if err := json.Unmarshal(text, &fromJSON); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		binary, _ := s.MarshalBinary()
		var fromBinary core.QuantileSketch
		if err := fromBinary.UnmarshalBinary(binary); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if len(binary) >= len(text) {
			t.Errorf("%s: binary has %d bytes, JSON %d", name, len(binary), len(text))
		}
		for form, back := range map[string]*core.QuantileSketch{"JSON": &fromJSON.Sketch, "binary": &fromBinary} {
			if got, want := wireOf(t, back), wireOf(t, s); !equalWire(got, want) {
				t.Errorf("%s as %s: got %+v, want %+v", name, form, got, want)
			}
			back.Add(3)
			if err := back.Merge(s); err != nil || back.Count() != 2*s.Count()+1 {
				t.Errorf("%s as %s does not resume: %v, count %d", name, form, err, back.Count())
			}
		}
	}
}

const goodSketch = `{"relative_error":0.01,"max_buckets":16,"count":4,"sum":1,"min":-1,"max":1,"zeros":1,"positive":{"offset":0,"counts":[1,0,1]},"negative":{"offset":-3,"counts":[1]}}`

func TestSketchEncoding_RefusesJSON(t *testing.T) {
	t.Parallel()
	if err := json.Unmarshal([]byte(goodSketch), new(core.QuantileSketch)); err != nil {
		t.Fatalf("the good one: %v", err)
	}
	for _, change := range [][2]string{
		{`"relative_error":0.01`, `"relative_error":0`},
		{`"relative_error":0.01`, `"relative_error":0.9`},
		{`"max_buckets":16`, `"max_buckets":0`},
		{`"max_buckets":16`, `"max_buckets":1e9`},
		{`"count":4`, `"count":5`},
		{`"counts":[1,0,1]`, `"counts":[0,1,1]`},
		{`"counts":[1,0,1]`, `"counts":[1,1,0]`},
		{`"counts":[1,0,1]`, `"counts":[1,-1,1]`},
		{`"counts":[1,0,1]`, `"counts":[1` + strings.Repeat(",0", 15) + `,1]`},
		{`"counts":[1,0,1]`, `"counts":[18446744073709551615,1]`},
		{`"counts":[1,0,1]`, `"counts":[18446744073709551615]`},
		{`"counts":[1,0,1]`, `"counts":[]`},
		{`"offset":0`, `"offset":99999999`},
		{`"offset":0`, `"offset":9223372036854775807`},
		{`"offset":-3`, `"offset":-99999999`},
		{`"min":-1`, `"min":2`},
		{`"min":-1`, `"min":0`},
		{`"max":1`, `"max":-1`},
		{`"sum":1`, `"sum":1e999`},
		{goodSketch, `[]`},
	} {
		text := strings.Replace(goodSketch, change[0], change[1], 1)
		if text == goodSketch {
			t.Fatalf("%q is not in the valid one", change[0])
		}
		s := sketchOf(0, 7)
		err := json.Unmarshal([]byte(text), s)
		if core.ErrorCode(err) != core.CodeInvalid || s.Count() != 1 || s.Max() != 7 {
			t.Errorf("%s: %v, and then %+v", change[1], err, wireOf(t, s))
		}
	}
	s := sketchOf(0, 7)
	if err := json.Unmarshal([]byte("null"), s); err != nil || s.Count() != 1 {
		t.Errorf("null: %v, count %d", err, s.Count())
	}
}

// Every prefix is refused, and so is trailing data.
func TestSketchEncoding_RefusesBinary(t *testing.T) {
	t.Parallel()
	data, _ := sketchOf(0, -300, 0, 1, 1e9).MarshalBinary()
	s := sketchOf(0, 7)
	for i := range data {
		if err := s.UnmarshalBinary(data[:i]); core.ErrorCode(err) != core.CodeInvalid {
			t.Errorf("the first %d bytes: %v", i, err)
		}
	}
	other := bytes.Clone(data)
	other[0] = 2
	for _, bad := range [][]byte{append(bytes.Clone(data), 0), other} {
		if err := s.UnmarshalBinary(bad); core.ErrorCode(err) != core.CodeInvalid {
			t.Errorf("%x: %v", bad, err)
		}
	}
	if s.Count() != 1 || s.Max() != 7 {
		t.Errorf("a refused input changed the sketch: %+v", wireOf(t, s))
	}
}

// checkSketch checks what holds for every sketch, whatever its origin.
func checkSketch(t *testing.T, s *core.QuantileSketch) {
	t.Helper()
	last := math.Inf(-1)
	for i := range 21 {
		v, ok := s.Quantile(float64(i) / 20)
		if ok != (s.Count() > 0) {
			t.Fatalf("count %d, but quantile says %v", s.Count(), ok)
		}
		if ok && (v < last || v < s.Min() || v > s.Max()) {
			t.Fatalf("quantile %d/20 is %v, after %v, in %v to %v", i, v, last, s.Min(), s.Max())
		}
		if ok {
			last = v
		}
	}
	binary, _ := s.MarshalBinary()
	var again core.QuantileSketch
	if err := again.UnmarshalBinary(binary); err != nil {
		t.Fatalf("its own binary: %v", err)
	}
	if back, _ := again.MarshalBinary(); !slices.Equal(back, binary) {
		t.Fatalf("%x comes back as %x", binary, back)
	}
	before := s.Count()
	s.Add(1)
	if err := s.Merge(&again); err == nil && s.Count() != 2*before+1 {
		t.Fatalf("count %d after %d twice and one more", s.Count(), before)
	}
}

func FuzzSketchEncoding_JSON(f *testing.F) {
	f.Add([]byte(goodSketch))
	text, _ := sketchOf(0.05, 1, 2, 3, 1e6).MarshalJSON()
	f.Add(text)
	f.Fuzz(func(t *testing.T, text []byte) {
		var s core.QuantileSketch
		if err := json.Unmarshal(text, &s); err == nil {
			checkSketch(t, &s)
		}
	})
}

func FuzzSketchEncoding_Binary(f *testing.F) {
	for _, s := range []*core.QuantileSketch{{}, sketchOf(0.05, 1, 2, 3, 1e6), sketchOf(0.3, -1, 0, 0, 1e-300)} {
		data, _ := s.MarshalBinary()
		f.Add(data)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		var s core.QuantileSketch
		if err := s.UnmarshalBinary(data); err == nil {
			checkSketch(t, &s)
		}
	})
}
