package core

import (
	"encoding"
	"encoding/binary"
	"encoding/json"
	"math"
)

var (
	_ json.Marshaler             = QuantileSketch{}
	_ json.Unmarshaler           = (*QuantileSketch)(nil)
	_ encoding.BinaryMarshaler   = QuantileSketch{}
	_ encoding.BinaryUnmarshaler = (*QuantileSketch)(nil)
)

// sketchState is the serialised form of a sketch. Count can be computed from
// the rest; it is there for readers and as a check.
type sketchState struct {
	RelativeError float64   `json:"relative_error"`
	MaxBuckets    int       `json:"max_buckets"`
	Count         uint64    `json:"count"`
	Sum           float64   `json:"sum"`
	Min           float64   `json:"min"`
	Max           float64   `json:"max"`
	Zeros         uint64    `json:"zeros"`
	Positive      sketchRun `json:"positive"`
	Negative      sketchRun `json:"negative"`
}

// sketchRun has the counts of the buckets offset, offset+1, and so on.
type sketchRun struct {
	Offset int      `json:"offset"`
	Counts []uint64 `json:"counts"`
}

func (s QuantileSketch) state() sketchState {
	s.init()
	return sketchState{
		RelativeError: s.relativeError, MaxBuckets: s.maxBuckets,
		Count: s.count, Sum: s.sum, Min: s.min, Max: s.max, Zeros: s.zeros,
		Positive: s.positive.state(), Negative: s.negative.state(),
	}
}

func (b *sketchBuckets) state() sketchRun {
	if b.total == 0 {
		return sketchRun{Counts: []uint64{}} // [] rather than null, for readers that loop over it
	}
	return sketchRun{b.offset, b.counts}
}

// MarshalJSON writes the sketch as an object with relative_error, max_buckets,
// count, sum, min, max, zeros and, for positive and negative, the offset and
// the counts of their buckets.
func (s QuantileSketch) MarshalJSON() ([]byte, error) { return json.Marshal(s.state()) }

// UnmarshalJSON replaces the sketch by the one that MarshalJSON wrote. An
// impossible sketch is rejected with [CodeInvalid], and s is unchanged. Null
// changes nothing, as encoding/json has it.
func (s *QuantileSketch) UnmarshalJSON(text []byte) error {
	if string(text) == "null" {
		return nil
	}
	var state sketchState
	if err := json.Unmarshal(text, &state); err != nil {
		return &Error{Code: CodeInvalid, Op: "quantile_sketch from json", Err: err}
	}
	return s.load(&state, "quantile_sketch from json")
}

// sketchFormat is the first byte of the binary form. It is followed by, with
// numbers as varints and floats as 8 bytes in little-endian order: relative
// error, max buckets, zeros, sum, min, max, and then twice (positive, negative)
// the number of buckets, the offset and the counts.
const sketchFormat = 1

// MarshalBinary writes the sketch in a compact form: 40 bytes and about one to
// three for each bucket.
func (s QuantileSketch) MarshalBinary() ([]byte, error) {
	state := s.state()
	data := appendFloat([]byte{sketchFormat}, state.RelativeError)
	data = binary.AppendUvarint(data, uint64(state.MaxBuckets))
	data = binary.AppendUvarint(data, state.Zeros)
	data = appendFloat(appendFloat(appendFloat(data, state.Sum), state.Min), state.Max)
	for _, run := range []sketchRun{state.Positive, state.Negative} {
		data = binary.AppendUvarint(data, uint64(len(run.Counts)))
		data = binary.AppendVarint(data, int64(run.Offset))
		for _, n := range run.Counts {
			data = binary.AppendUvarint(data, n)
		}
	}
	return data, nil
}

func appendFloat(data []byte, f float64) []byte {
	return binary.LittleEndian.AppendUint64(data, math.Float64bits(f))
}

// UnmarshalBinary replaces the sketch by the one that MarshalBinary wrote. An
// impossible sketch is rejected with [CodeInvalid], and s is unchanged.
func (s *QuantileSketch) UnmarshalBinary(data []byte) error {
	const op = "quantile_sketch from binary"
	if len(data) == 0 || data[0] != sketchFormat {
		return &Error{Code: CodeInvalid, Op: op, Message: "not a sketch of format 1"}
	}
	r := sketchReader{data: data[1:]}
	var state sketchState
	state.RelativeError = r.float()
	state.MaxBuckets = int(min(r.uvarint(), math.MaxInt32))
	state.Zeros = r.uvarint()
	state.Sum, state.Min, state.Max = r.float(), r.float(), r.float()
	state.Count = state.Zeros
	for _, run := range []*sketchRun{&state.Positive, &state.Negative} {
		*run = r.run()
		for _, n := range run.Counts {
			state.Count += n
		}
	}
	if r.bad || len(r.data) > 0 {
		return &Error{Code: CodeInvalid, Op: op, Message: "truncated, or data after the sketch"}
	}
	return s.load(&state, op)
}

// sketchReader reads from data until something is invalid; from then on bad is
// true and every read returns zero.
type sketchReader struct {
	data []byte
	bad  bool
}

func (r *sketchReader) advance(n int) {
	if n <= 0 || n > len(r.data) {
		r.data, r.bad = nil, true
		return
	}
	r.data = r.data[n:]
}

func (r *sketchReader) float() (f float64) {
	if len(r.data) >= 8 {
		f = math.Float64frombits(binary.LittleEndian.Uint64(r.data))
	}
	r.advance(8)
	return f
}

func (r *sketchReader) uvarint() uint64 {
	value, n := binary.Uvarint(r.data)
	r.advance(n)
	return value
}

func (r *sketchReader) varint() int64 {
	value, n := binary.Varint(r.data)
	r.advance(n)
	return value
}

func (r *sketchReader) run() (run sketchRun) {
	length := r.uvarint()
	run.Offset = int(min(max(r.varint(), math.MinInt32), math.MaxInt32))
	if length > uint64(len(r.data)) { // each count takes at least a byte: don't allocate for a forged length
		r.bad = true
		return run
	}
	for range length {
		run.Counts = append(run.Counts, r.uvarint())
	}
	return run
}
