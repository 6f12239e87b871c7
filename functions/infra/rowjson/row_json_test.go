package rowjson_test

import (
	"bytes"
	"encoding/json"
	"math"
	"testing"
	"time"
	"unicode/utf8"

	"fnregistry.dev/functions/infra/rowjson"
)

func TestRowJSON_Values(t *testing.T) {
	t.Parallel()
	var j rowjson.RowJSON
	big := rowjson.RowJSON{BigInts: true}
	day := time.Date(2024, 2, 29, 12, 30, 0, 250e6, time.FixedZone("", 7200))
	for _, c := range []struct {
		got  []byte
		want string
	}{
		{j.AppendInt(nil, 1<<53-1), "9007199254740991"},
		{j.AppendInt(nil, 1<<53), `"9007199254740992"`},
		{j.AppendInt(nil, math.MinInt64), `"-9223372036854775808"`},
		{big.AppendInt(nil, math.MinInt64), "-9223372036854775808"},
		{j.AppendUint(nil, math.MaxUint64), `"18446744073709551615"`},
		{big.AppendUint(nil, math.MaxUint64), "18446744073709551615"},
		{j.AppendUint(nil, 7), "7"},
		{j.AppendNumber(nil, "1.50", true), "1.50"},
		{j.AppendNumber(nil, "1.50", false), `"1.50"`},
		{big.AppendNumber(nil, "1.50", false), "1.50"},
		{j.AppendFloat(nil, 2, 64), "2.0"},
		{j.AppendFloat(nil, 0, 64), "0.0"},
		{j.AppendFloat(nil, float64(float32(0.1)), 32), "0.1"},
		{j.AppendFloat(nil, 1e300, 64), "1e+300"},
		{j.AppendFloat(nil, -1e-7, 64), "-1e-07"},
		{j.AppendFloat(nil, math.NaN(), 64), `"NaN"`},
		{j.AppendFloat(nil, math.Inf(1), 64), `"Infinity"`},
		{j.AppendFloat(nil, math.Inf(-1), 64), `"-Infinity"`},
		{j.AppendBytes(nil, []byte{0, 0xff, 0x10}), `"AP8Q"`},
		{j.AppendTime(nil, day, time.RFC3339Nano), `"2024-02-29T12:30:00.25+02:00"`},
		{j.AppendTime(nil, day, time.DateOnly), `"2024-02-29"`},
		{j.AppendString(nil, "tab\tquote\" back\\ \x01 é 😀 \u2028 \xff"), `"tab\tquote\" back\\ \u0001 é 😀 \u2028 \ufffd"`},
	} {
		if string(c.got) != c.want || !json.Valid(c.got) {
			t.Errorf("got %s, want %s", c.got, c.want)
		}
	}
}

func FuzzRowJSON_AppendString(f *testing.F) {
	for _, s := range []string{"", "plain", "\"\\\n\r\t\x00\x1f\x7f", "é😀\u2028\u2029\ufffd", "\xff\xfe\xed\xa0\x80"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		got := rowjson.RowJSON{}.AppendString([]byte("x"), s)
		if !bytes.HasPrefix(got, []byte("x\"")) || !utf8.Valid(got) {
			t.Fatalf("%q", got)
		}
		var back string
		if err := json.Unmarshal(got[1:], &back); err != nil {
			t.Fatalf("%q: %v", got, err)
		}
		var want string
		encoded, err := json.Marshal(s)
		if err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal(encoded, &want); err != nil || back != want {
			t.Errorf("%q reads as %q, want %q", got, back, want)
		}
	})
}
