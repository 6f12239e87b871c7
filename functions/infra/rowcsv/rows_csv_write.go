package rowcsv

import (
	"cmp"
	"encoding/base64"
	"fmt"
	"io"
	"reflect"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"fnregistry.dev/functions/core"
)

// RowsCSVWriteRows is what [RowsCSVWrite] reads: *sql.Rows, or a driver's own
// rows with these methods.
type RowsCSVWriteRows interface {
	Columns() ([]string, error)
	Next() bool
	Scan(dest ...any) error
	Err() error
	Close() error
}

// RowsCSVWriteConfig says how rows become CSV. The zero value of a field is its
// default.
type RowsCSVWriteConfig struct {
	// Delimiter is between two values. Default: a comma.
	Delimiter rune
	// NoHeader leaves out the line with the columns' names.
	NoHeader bool
	// Null is what stands for NULL, never quoted; a text that equals it is
	// quoted. Default: nothing, so that NULL is an empty value and an empty
	// text is "".
	Null string
	// LF ends lines with \n. Default: \r\n, as RFC 4180 says.
	LF bool
	// SafeFormulas puts a ' before each text, and name of a column, that a
	// spreadsheet would take for a formula: one that begins with =, +, -, @, or
	// their full-width forms, also behind blanks. Numbers stay.
	SafeFormulas bool
	// Text writes a value of a type that this package does not know: ok is
	// false if it doesn't either. Default nil: such a value is an error.
	Text func(value any) (text string, ok bool)
	// MaxRows and MaxBytes bound what is written. Default: no limit.
	MaxRows  int
	MaxBytes int64
}

// RowsCSVWriteResult says what was written. It is right with an error, too.
type RowsCSVWriteResult struct {
	Rows      int   // without the header
	Bytes     int64 // with it
	Truncated bool  // a limit cut the result: there are more rows
}

// flushBytes is what is written at a time.
const flushBytes = 32 << 10

// RowsCSVWrite writes rows to w as they come, as CSV by RFC 4180, in bounded
// memory. Integers, floats in their shortest exact form (NaN, +Inf, -Inf),
// booleans as true and false, text, bytes in base64, times in RFC 3339 with
// nanoseconds where there are any, and pointers to these; nil is NULL.
//
// Nothing is written before the first row is there or there is none, so that
// with Bytes 0 an HTTP handler can still answer with an error. It closes rows,
// whatever happens.
//
// Errors are *core.Error: CodeInvalid for a bad config and for a value of an
// unknown type, with the column's name; those of rows and of w with their
// cause's code.
//
// More in rows_csv_write.md:
//   - CSV has no end: whoever reads half of it can't tell.
//   - A row with nothing but one NULL is an empty line, which many readers skip
//     (Go's encoding/csv, too): set Null where that can be.
func RowsCSVWrite(w io.Writer, rows RowsCSVWriteRows, cfg RowsCSVWriteConfig) (result RowsCSVWriteResult, err error) {
	out := &writer{w: w, cfg: cfg, lineEnd: "\r\n"}
	if err = out.check(); err == nil {
		err = out.rows(rows)
	}
	if closeErr := rows.Close(); err == nil && !out.result.Truncated {
		err = closeErr
	}
	if err == nil {
		err = out.flush()
	}
	if err != nil {
		err = &core.Error{Op: "rows_csv_write", Err: err}
	}
	return out.result, err
}

type writer struct {
	w       io.Writer
	cfg     RowsCSVWriteConfig
	lineEnd string
	special [utf8.RuneSelf]bool // the ASCII bytes that need quotes
	line    []byte              // of the row now, whose memory is used again
	buffer  []byte              // not yet written
	result  RowsCSVWriteResult
}

func (out *writer) check() error {
	out.cfg.Delimiter = cmp.Or(out.cfg.Delimiter, ',')
	if out.cfg.LF {
		out.lineEnd = "\n"
	}
	d := out.cfg.Delimiter
	switch {
	case d == '"' || d == '\r' || d == '\n' || d == utf8.RuneError || !utf8.ValidRune(d):
		return &core.Error{Code: core.CodeInvalid, Message: fmt.Sprintf("%q can't be the delimiter", d)}
	case strings.ContainsAny(out.cfg.Null, "\"\r\n"+string(d)):
		return &core.Error{Code: core.CodeInvalid, Message: "Null can hold neither quotes nor line ends nor the delimiter"}
	case out.cfg.MaxRows < 0 || out.cfg.MaxBytes < 0:
		return &core.Error{Code: core.CodeInvalid, Message: "MaxRows and MaxBytes can't be negative"}
	}
	for _, c := range "\"\r\n" {
		out.special[c] = true
	}
	if d < utf8.RuneSelf {
		out.special[d] = true
	}
	return nil
}

func (out *writer) rows(rows RowsCSVWriteRows) error {
	names, err := rows.Columns()
	if err != nil {
		return err
	}
	values, targets := make([]any, len(names)), make([]any, len(names))
	for i := range values {
		targets[i] = &values[i]
	}
	header := out.header(names)
	for rows.Next() {
		if header, err = nil, out.add(header); err != nil || out.result.Truncated {
			return err
		}
		if out.cfg.MaxRows > 0 && out.result.Rows >= out.cfg.MaxRows {
			out.result.Truncated = true
			return nil
		}
		if err := rows.Scan(targets...); err != nil {
			return err
		}
		line, err := out.row(names, values)
		if err != nil {
			return err
		}
		if err := out.add(line); err != nil || out.result.Truncated {
			return err
		}
		out.result.Rows++
	}
	if err := rows.Err(); err != nil {
		return err
	}
	return out.add(header)
}

// add puts a line into the buffer, if there is room for it below MaxBytes.
func (out *writer) add(line []byte) error {
	if out.cfg.MaxBytes > 0 && out.result.Bytes+int64(len(out.buffer)+len(line)) > out.cfg.MaxBytes {
		out.result.Truncated = true
		return nil
	}
	out.buffer = append(out.buffer, line...)
	if len(out.buffer) >= flushBytes {
		return out.flush()
	}
	return nil
}

func (out *writer) flush() error {
	n, err := out.w.Write(out.buffer)
	out.result.Bytes += int64(n)
	out.buffer = out.buffer[:0]
	return err
}

func (out *writer) header(names []string) (line []byte) {
	if out.cfg.NoHeader {
		return nil
	}
	for i, name := range names {
		line = out.appendText(out.separate(line, i), name)
	}
	return append(line, out.lineEnd...)
}

func (out *writer) separate(line []byte, i int) []byte {
	if i == 0 {
		return line
	}
	return utf8.AppendRune(line, out.cfg.Delimiter)
}

// row returns a line, which is right until the next row.
func (out *writer) row(names []string, values []any) (line []byte, err error) {
	line = out.line[:0]
	for i, value := range values {
		if line, err = out.appendValue(out.separate(line, i), value); err != nil {
			return nil, fmt.Errorf("column %s: %w", names[i], err)
		}
	}
	out.line = append(line, out.lineEnd...)
	return out.line, nil
}

func (out *writer) appendValue(line []byte, value any) ([]byte, error) {
	switch v := value.(type) {
	case nil:
		return append(line, out.cfg.Null...), nil
	case string:
		return out.appendText(line, v), nil
	case []byte: // a driver's nil []byte is an empty value, and its nil is NULL
		return out.appendPlain(line, base64.StdEncoding.EncodeToString(v)), nil
	case time.Time:
		return out.appendPlain(line, v.Format(time.RFC3339Nano)), nil
	case bool:
		return out.appendPlain(line, strconv.FormatBool(v)), nil
	case int64:
		return out.plain(strconv.AppendInt(line, v, 10), len(line)), nil
	case float64:
		return out.plain(strconv.AppendFloat(line, v, 'g', -1, 64), len(line)), nil
	case float32:
		return out.appendPlain(line, strconv.FormatFloat(float64(v), 'g', -1, 32)), nil
	case int, int8, int16, int32, uint, uint8, uint16, uint32, uint64:
		return out.appendPlain(line, fmt.Sprint(v)), nil
	}
	if out.cfg.Text != nil {
		if text, ok := out.cfg.Text(value); ok {
			return out.appendText(line, text), nil
		}
	}
	if pointer := reflect.ValueOf(value); pointer.Kind() == reflect.Pointer {
		if pointer.IsNil() {
			return out.appendValue(line, nil)
		}
		return out.appendValue(line, pointer.Elem().Interface())
	}
	return nil, &core.Error{Code: core.CodeInvalid, Message: fmt.Sprintf("a %T can't be written", value), Hint: "set Text"}
}

// plain is appendPlain for what is in the line already, from a place on.
func (out *writer) plain(line []byte, from int) []byte {
	if string(line[from:]) != out.cfg.Null && !out.needsQuotes(string(line[from:])) {
		return line
	}
	return out.appendPlain(line[:from], string(line[from:]))
}

// appendText appends text that may be anything.
func (out *writer) appendText(line []byte, text string) []byte {
	if out.cfg.SafeFormulas && isFormula(text) {
		text = "'" + text
	}
	return out.appendPlain(line, text)
}

// isFormula reports whether a spreadsheet may compute a text.
func isFormula(text string) bool {
	text = strings.TrimLeft(text, " \t\r\n\v\f\u00a0\ufeff")
	for _, begin := range []string{"=", "+", "-", "@", "＝", "＋", "－", "＠"} {
		if strings.HasPrefix(text, begin) {
			return true
		}
	}
	return false
}

// appendPlain appends a value, quoted where it must be. An empty one is, so
// that it is no NULL.
func (out *writer) appendPlain(line []byte, text string) []byte {
	if text != out.cfg.Null && text != "" && !out.needsQuotes(text) {
		return append(line, text...)
	}
	line = append(line, '"')
	for {
		before, after, found := strings.Cut(text, `"`)
		line = append(line, before...)
		if !found {
			return append(line, '"')
		}
		line, text = append(line, `""`...), after
	}
}

// needsQuotes reports whether a text has what RFC 4180 quotes, or a blank at an
// end, which some readers trim.
func (out *writer) needsQuotes(text string) bool {
	if text[0] == ' ' || text[len(text)-1] == ' ' {
		return true
	}
	for i := range len(text) {
		if c := text[i]; c < utf8.RuneSelf && out.special[c] {
			return true
		}
	}
	return out.cfg.Delimiter >= utf8.RuneSelf && strings.ContainsRune(text, out.cfg.Delimiter)
}
