package postgres

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"time"

	"github.com/jackc/pgx/v5/pgtype"
)

// errNeedsText is returned for a value that only the server can parse: the COPY
// continues in the text format.
var errNeedsText = errors.New("the value needs COPY's text format")

// binaryEncoders handles the types that have a fast path: the server reads its
// binary format in half the time of text. Tables with other columns are copied
// as text.
var binaryEncoders = map[uint32]copyEncoder{
	pgtype.Int2OID:        plainEncoder(binaryInteger[int16](2), textNeeded),
	pgtype.Int4OID:        plainEncoder(binaryInteger[int32](4), textNeeded),
	pgtype.Int8OID:        plainEncoder(binaryInteger[int64](8), textNeeded),
	pgtype.OIDOID:         plainEncoder(binaryInteger[uint32](4), textNeeded),
	pgtype.Float4OID:      plainEncoder(binaryFloat4, textNeeded),
	pgtype.Float8OID:      plainEncoder(binaryFloat8, textNeeded),
	pgtype.BoolOID:        plainEncoder(binaryBool, textNeeded),
	pgtype.TextOID:        plainEncoder(encodeBytesAsText, appendText),
	pgtype.VarcharOID:     plainEncoder(encodeBytesAsText, appendText),
	pgtype.BPCharOID:      plainEncoder(encodeBytesAsText, appendText),
	pgtype.ByteaOID:       plainEncoder(binaryBytea, textNeeded),
	pgtype.JSONOID:        encodeJSON,
	pgtype.JSONBOID:       binaryJSONB,
	pgtype.DateOID:        plainEncoder(binaryDate, textNeeded),
	pgtype.TimestampOID:   plainEncoder(binaryTimestamp, textNeeded),
	pgtype.TimestamptzOID: plainEncoder(binaryTimestamptz, textNeeded),
	pgtype.IntervalOID:    plainEncoder(binaryInterval, textNeeded),
	pgtype.UUIDOID:        plainEncoder(binaryUUID, textNeeded),
}

func textNeeded([]byte, string) ([]byte, error) { return nil, errNeedsText }

// binaryInteger writes the low size bytes of a number.
func binaryInteger[T integer](size int) copyEncoder {
	return func(buf []byte, value any) ([]byte, bool, error) {
		n, null, err := exactInteger[T](value)
		if err != nil || null {
			return buf, null, err
		}
		for shift := 8 * (size - 1); shift >= 0; shift -= 8 {
			buf = append(buf, byte(uint64(n)>>shift))
		}
		return buf, false, nil
	}
}

func binaryFloat4(buf []byte, value any) ([]byte, bool, error) {
	f, null, err := exact[float32](value)
	return binary.BigEndian.AppendUint32(buf, math.Float32bits(f)), null, err
}

func binaryFloat8(buf []byte, value any) ([]byte, bool, error) {
	f, null, err := exact[float64](value)
	return binary.BigEndian.AppendUint64(buf, math.Float64bits(f)), null, err
}

func binaryBool(buf []byte, value any) ([]byte, bool, error) {
	b, err := asBool(value)
	if b {
		return append(buf, 1), false, err
	}
	return append(buf, 0), false, err
}

func binaryBytea(buf []byte, value any) ([]byte, bool, error) {
	b, ok := asBytes(value)
	if !ok {
		return nil, false, mismatch(value, "BYTEA")
	}
	return append(buf, b...), b == nil, nil
}

// binaryJSONB puts the format's version before the text.
func binaryJSONB(buf []byte, value any) ([]byte, bool, error) {
	return encodeJSON(append(buf, 1), value)
}

// PostgreSQL counts from 2000-01-01, in days and microseconds.
const (
	epochSeconds = 946_684_800
	daySeconds   = 24 * 60 * 60
)

func binaryDate(buf []byte, value any) ([]byte, bool, error) {
	t, err := asTime(value, "DATE")
	if err == nil && (t.Year() < -4713 || t.Year() > 5_874_897) {
		err = fmt.Errorf("the year %d is beyond the range of DATE", t.Year())
	}
	if err != nil {
		return nil, false, err
	}
	year, month, day := t.Date()
	days := (time.Date(year, month, day, 0, 0, 0, 0, time.UTC).Unix() - epochSeconds) / daySeconds
	return binary.BigEndian.AppendUint32(buf, uint32(days)), false, nil
}

func binaryTimestamp(buf []byte, value any) ([]byte, bool, error) {
	t, err := asTime(value, "TIMESTAMP")
	if err != nil {
		return nil, false, err
	}
	_, offset := t.Zone()
	return binaryMoment(buf, t, int64(offset))
}

func binaryTimestamptz(buf []byte, value any) ([]byte, bool, error) {
	t, err := asTime(value, "TIMESTAMPTZ")
	if err != nil {
		return nil, false, err
	}
	return binaryMoment(buf, t, 0)
}

func binaryMoment(buf []byte, t time.Time, offset int64) ([]byte, bool, error) {
	if t.Year() < -4713 || t.Year() > 294_276 {
		return nil, false, fmt.Errorf("the year %d is beyond the type's range", t.Year())
	}
	micros := (t.Unix()+offset-epochSeconds)*1_000_000 + int64(t.Nanosecond()/1000)
	return binary.BigEndian.AppendUint64(buf, uint64(micros)), false, nil
}

func binaryInterval(buf []byte, value any) ([]byte, bool, error) {
	d, err := asDuration(value)
	buf = binary.BigEndian.AppendUint64(buf, uint64(d.Microseconds()))
	return binary.BigEndian.AppendUint64(buf, 0), false, err // no days, no months
}

func binaryUUID(buf []byte, value any) ([]byte, bool, error) {
	id, null, err := asUUID(value)
	return append(buf, id[:]...), null, err
}
