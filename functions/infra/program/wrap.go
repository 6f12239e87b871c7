package program

import (
	"io"
	"os"
	"strings"
	"unicode/utf8"

	"golang.org/x/term"
)

// defaultWidth is that of help which no terminal shows.
const defaultWidth = 80

// widthOf returns the columns of the terminal that w is.
func widthOf(w io.Writer) int {
	if file, ok := w.(*os.File); ok {
		if width, _, err := term.GetSize(int(file.Fd())); err == nil && width > 0 {
			return width
		}
	}
	return defaultWidth
}

// wrap breaks a text at spaces into lines that end before width, where each but
// the first begins with indent spaces. A line has at least 20 columns, and a
// longer word a line of its own.
func wrap(text string, indent, width int) string {
	room := max(width-indent, 20)
	var b strings.Builder
	column := 0
	for word := range strings.FieldsSeq(text) {
		length := utf8.RuneCountInString(word)
		switch {
		case column == 0:
		case column+1+length > room:
			b.WriteString("\n" + strings.Repeat(" ", indent))
			column = 0
		default:
			b.WriteByte(' ')
			column++
		}
		b.WriteString(word)
		column += length
	}
	return b.String()
}
