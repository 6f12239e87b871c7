package clickhouse

import (
	"errors"
	"fmt"
	"reflect"
	"slices"

	"github.com/ClickHouse/clickhouse-go/v2/lib/column"

	"fnregistry.dev/functions/core"
)

// codec turns rows of type T into a block's columns.
type codec[T any] struct {
	columns []string
	fill    func(columns []column.Interface, p *pending[T]) error
	values  func(row T) []any // one for each column
	size    func(row *T) int
	buffers func() []fieldBuffer[T] // nil for []any
}

// pending is a batch that has not been written yet.
type pending[T any] struct {
	chunks  [][]T            // its rows, in order of arrival
	n       int              // number of rows
	buffers []fieldBuffer[T] // columns already gathered in slices of a plain type; one per column, or none
}

func (c *codec[T]) newPending() *pending[T] {
	p := &pending[T]{}
	if c.buffers != nil {
		p.buffers = c.buffers()
	}
	return p
}

func (p *pending[T]) add(rows []T) {
	if len(rows) == 0 {
		return
	}
	p.chunks = append(p.chunks, rows)
	p.n += len(rows)
	for _, buffer := range p.buffers {
		if buffer != nil {
			buffer.add(rows)
		}
	}
}

// rows returns all rows in one slice.
func (p *pending[T]) rows() []T {
	if len(p.chunks) == 1 {
		return p.chunks[0]
	}
	return slices.Concat(p.chunks...)
}

// reset empties the batch and keeps its memory.
func (p *pending[T]) reset() {
	clear(p.chunks)
	p.chunks, p.n = p.chunks[:0], 0
	for _, buffer := range p.buffers {
		if buffer != nil {
			buffer.reset()
		}
	}
}

func newCodec[T any](columns []string) (codec[T], error) {
	kind := reflect.TypeFor[T]()
	if kind == reflect.TypeFor[[]any]() {
		if len(columns) == 0 {
			return codec[T]{}, errors.New("no Columns")
		}
		return codec[T]{
			columns: columns,
			fill: func(columns []column.Interface, p *pending[T]) error {
				return fillValues(columns, any(p.chunks).([][][]any))
			},
			values: func(row T) []any { return any(row).([]any) },
			size:   func(row *T) int { return sizeOfValues(*any(row).(*[]any)) },
		}, nil
	}
	if kind.Kind() != reflect.Struct {
		return codec[T]{}, fmt.Errorf("rows are %s: want []any or a struct", kind)
	}
	if len(columns) > 0 {
		return codec[T]{}, errors.New("a struct names its columns by tags: no Columns")
	}
	fields, columns := taggedFields(kind)
	if len(fields) == 0 {
		return codec[T]{}, fmt.Errorf("%s has no exported field with a tag ch", kind)
	}
	return codec[T]{
		columns: columns,
		fill: func(columns []column.Interface, p *pending[T]) error {
			for i, field := range fields {
				if err := fillField(columns[i], p.chunks, field, p.buffers[i]); err != nil {
					return err
				}
			}
			return nil
		},
		buffers: func() []fieldBuffer[T] {
			buffers := make([]fieldBuffer[T], len(fields))
			for i, field := range fields {
				buffers[i] = newFieldBuffer[T](kind.Field(field))
			}
			return buffers
		},
		values: func(row T) []any {
			values, v := make([]any, len(fields)), reflect.ValueOf(row)
			for i, field := range fields {
				values[i] = v.Field(field).Interface()
			}
			return values
		},
		size: sizeOfFields[T](kind, fields),
	}, nil
}

func taggedFields(kind reflect.Type) (fields []int, columns []string) {
	for i := range kind.NumField() {
		if name := kind.Field(i).Tag.Get("ch"); name != "" && name != "-" && kind.Field(i).IsExported() {
			fields, columns = append(fields, i), append(columns, name)
		}
	}
	return fields, columns
}

func fillValues(columns []column.Interface, chunks [][][]any) error {
	for _, rows := range chunks {
		for _, row := range rows {
			if err := fillRow(columns, row); err != nil {
				return err
			}
		}
	}
	return nil
}

func fillRow(columns []column.Interface, row []any) error {
	if len(row) != len(columns) {
		return fmt.Errorf("the row has %d values for %d columns", len(row), len(columns))
	}
	for i, value := range row {
		if err := appendExact(columns[i], value); err != nil {
			return err
		}
	}
	return nil
}

// sizeOfValues estimates a row's size; it bounds memory and blocks.
func sizeOfValues(row []any) (n int) {
	for _, value := range row {
		switch v := value.(type) {
		case string:
			n += len(v)
		case []byte:
			n += len(v)
		case *string:
			if v != nil {
				n += len(*v)
			}
		case []string:
			for _, s := range v {
				n += len(s)
			}
		}
		n += 8
	}
	return n
}

// refusedError reports that some rows of a batch don't fit the columns.
type refusedError struct {
	err     error
	columns []column.Interface // of a block that was not sent
}

func (e *refusedError) Error() string { return e.err.Error() }

// refuse removes the rows that don't fit from the batch and reports them. If it
// finds none, it returns the error.
func (h *ClickHouseBatchInsertHandle[T]) refuse(p *pending[T], refused *refusedError) error {
	var good, bad []T
	var first error
	for i, row := range p.rows() {
		err := fillRow(refused.columns, h.codec.values(row))
		if err == nil {
			good = append(good, row)
		} else if bad = append(bad, row); first == nil {
			first = err
		}
		if err != nil || i%1000 == 0 { // discard the values appended so far
			for _, c := range refused.columns {
				c.Reset()
			}
		}
	}
	if len(bad) == 0 {
		return &core.Error{Code: core.CodeInvalid, Op: h.target.op, Err: refused.err}
	}
	p.reset()
	p.add(good)
	h.report(
		ClickHouseBatchInsertBatch[T]{Rows: bad, Err: &core.Error{Code: core.CodeInvalid, Op: h.target.op, Err: first}},
		len(bad),
	)
	return nil
}
