package postgres

import (
	"database/sql/driver"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"math"
	"math/big"
	"reflect"
	"strconv"
	"time"

	"github.com/jackc/pgx/v5/pgtype"

	"fnregistry.dev/functions/core"
)

// queryParams are a statement's parameters in text format. A type of 0 is for
// the server to find.
type queryParams struct {
	values [][]byte
	types  []uint32
}

func encodeParams(types *pgtype.Map, args []any) (queryParams, error) {
	var params queryParams
	for i, arg := range args {
		text, oid, err := encodeParam(types, arg)
		if err != nil {
			return queryParams{}, &core.Error{Code: core.CodeInvalid, Op: queryJSONOp, Message: fmt.Sprintf("parameter %d", i+1), Err: err}
		}
		params.values, params.types = append(params.values, text), append(params.types, oid)
	}
	return params, nil
}

// encodeParam returns a value's text, nil for NULL, and the type that it has.
// Its errors don't quote the value.
func encodeParam(types *pgtype.Map, value any) ([]byte, uint32, error) {
	switch v := value.(type) {
	case nil:
		return nil, 0, nil
	case json.Number:
		if n, err := v.Int64(); err == nil {
			return encodeIntParam(n)
		}
		if !json.Valid([]byte(v)) {
			return nil, 0, fmt.Errorf("the text is not a number")
		}
		return []byte(v), pgtype.NumericOID, nil
	case *big.Int:
		if v == nil {
			return nil, 0, nil
		}
		return []byte(v.String()), pgtype.NumericOID, nil
	case []byte:
		if v == nil {
			return nil, 0, nil
		}
		return append([]byte(`\x`), hex.EncodeToString(v)...), pgtype.ByteaOID, nil
	case time.Time:
		text, err := types.Encode(pgtype.TimestamptzOID, pgtype.TextFormatCode, v, nil)
		return text, pgtype.TimestamptzOID, err
	case driver.Valuer:
		inner, err := core.ValuerValue(v)
		if err != nil {
			return nil, 0, err
		}
		return encodeParam(types, inner)
	}
	switch v := reflect.ValueOf(value); v.Kind() {
	case reflect.String:
		return []byte(v.String()), 0, nil
	case reflect.Bool:
		return strconv.AppendBool(nil, v.Bool()), pgtype.BoolOID, nil
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		return encodeIntParam(v.Int())
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		if v.Uint() > math.MaxInt64 {
			return strconv.AppendUint(nil, v.Uint(), 10), pgtype.NumericOID, nil
		}
		return encodeIntParam(int64(v.Uint()))
	case reflect.Float32, reflect.Float64:
		return strconv.AppendFloat(nil, v.Float(), 'g', -1, v.Type().Bits()), pgtype.Float8OID, nil
	case reflect.Pointer:
		if v.IsNil() {
			return nil, 0, nil
		}
		return encodeParam(types, v.Elem().Interface())
	}
	known, ok := types.TypeForValue(value)
	if !ok {
		return nil, 0, fmt.Errorf("a %T can't be a parameter", value)
	}
	text, err := types.Encode(known.OID, pgtype.TextFormatCode, value, nil)
	return text, known.OID, err
}

// encodeIntParam makes it an int where it fits: functions and operators that
// want one take no bigint, while those that want a bigint take an int.
func encodeIntParam(n int64) ([]byte, uint32, error) {
	oid := uint32(pgtype.Int8OID)
	if n == int64(int32(n)) {
		oid = pgtype.Int4OID
	}
	return strconv.AppendInt(nil, n, 10), oid, nil
}
