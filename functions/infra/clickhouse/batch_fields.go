package clickhouse

import (
	"reflect"
	"time"
	"unsafe"

	"github.com/ClickHouse/clickhouse-go/v2/lib/column"
)

// fieldBuffer gathers one field of many structs in a slice of a plain type,
// which the driver appends several times faster than single values.
type fieldBuffer[T any] interface {
	add(rows []T)
	slice() any
	reset()
}

type typedBuffer[T, V any] struct {
	offset uintptr
	values []V
}

func (b *typedBuffer[T, V]) add(rows []T) {
	for i := range rows {
		// The same as reflect.Value.Field in a tenth of the time;
		// newFieldBuffer has checked that the field is a V.
		b.values = append(b.values, *(*V)(unsafe.Add(unsafe.Pointer(&rows[i]), b.offset)))
	}
}

func (b *typedBuffer[T, V]) slice() any { return b.values }

func (b *typedBuffer[T, V]) reset() { b.values = b.values[:0] }

// newFieldBuffer returns nil for a field whose type has no fast path.
func newFieldBuffer[T any](field reflect.StructField) fieldBuffer[T] {
	offset := field.Offset
	if field.Type == reflect.TypeFor[time.Time]() {
		return &typedBuffer[T, time.Time]{offset: offset}
	}
	if reflect.PointerTo(field.Type).NumMethod() > 0 { // the driver may have to call one, such as driver.Valuer's
		return nil
	}
	switch field.Type.Kind() {
	case reflect.String:
		return &typedBuffer[T, string]{offset: offset}
	case reflect.Bool:
		return &typedBuffer[T, bool]{offset: offset}
	case reflect.Int64:
		return &typedBuffer[T, int64]{offset: offset}
	case reflect.Int32:
		return &typedBuffer[T, int32]{offset: offset}
	case reflect.Int16:
		return &typedBuffer[T, int16]{offset: offset}
	case reflect.Int8:
		return &typedBuffer[T, int8]{offset: offset}
	case reflect.Uint64:
		return &typedBuffer[T, uint64]{offset: offset}
	case reflect.Uint32:
		return &typedBuffer[T, uint32]{offset: offset}
	case reflect.Uint16:
		return &typedBuffer[T, uint16]{offset: offset}
	case reflect.Uint8:
		return &typedBuffer[T, uint8]{offset: offset}
	case reflect.Float64:
		return &typedBuffer[T, float64]{offset: offset}
	case reflect.Float32:
		return &typedBuffer[T, float32]{offset: offset}
	}
	return nil
}

// fillField appends one field of all rows to a column.
func fillField[T any](c column.Interface, chunks [][]T, field int, buffer fieldBuffer[T]) error {
	if buffer != nil && storesAll(c.Type(), buffer.slice()) {
		if _, err := c.Append(buffer.slice()); err == nil {
			return nil
		}
		c.Reset() // the driver accepts fewer types this way: append one by one
	}
	for _, rows := range chunks {
		all := reflect.ValueOf(rows)
		for i := range rows {
			if err := appendExact(c, all.Index(i).Field(field).Interface()); err != nil {
				return err
			}
		}
	}
	return nil
}

// sizeOfFields is sizeOfValues for structs.
func sizeOfFields[T any](kind reflect.Type, fields []int) func(*T) int {
	var texts []uintptr // offsets of strings and byte slices, both of which begin with a pointer and a length
	for _, field := range fields {
		switch f := kind.Field(field); {
		case f.Type.Kind() == reflect.String, f.Type.Kind() == reflect.Slice && f.Type.Elem().Kind() == reflect.Uint8:
			texts = append(texts, f.Offset)
		}
	}
	return func(row *T) int {
		n := 8 * len(fields)
		for _, offset := range texts {
			n += len(*(*string)(unsafe.Add(unsafe.Pointer(row), offset)))
		}
		return n
	}
}
