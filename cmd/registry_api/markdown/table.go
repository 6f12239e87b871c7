package markdown

import "strings"

// cutTable splits a paragraph's text into the part before a table, and the
// table; nil if there is none. A table begins with a line above a row of dashes
// and bars with as many cells.
func cutTable(text string) (before string, t *block) {
	if !strings.Contains(text, "|") {
		return text, nil
	}
	lines := strings.Split(strings.TrimSuffix(text, "\n"), "\n")
	for i := 1; i < len(lines); i++ {
		aligns := alignments(lines[i])
		if aligns == nil {
			continue
		}
		head := cells(lines[i-1])
		if len(head) != len(aligns) {
			continue
		}
		t := &block{kind: table, aligns: aligns, rows: [][]string{head}}
		left := len(text) // cells that may be added: a short row below a wide head needs many
		for _, line := range lines[i+1:] {
			row := cells(line)
			for len(row) < len(aligns) && left > 0 {
				row = append(row, "")
				left--
			}
			t.rows = append(t.rows, row[:min(len(row), len(aligns))])
		}
		return strings.Join(lines[:i-1], "\n"), t
	}
	return text, nil
}

// alignments parses the row below a table's head.
func alignments(line string) []string {
	line = strings.Trim(line, " \t")
	if !strings.Contains(line, "|") || strings.Trim(line, "|-: \t") != "" {
		return nil
	}
	var all []string
	for _, cell := range cells(line) {
		bare := strings.TrimSuffix(strings.TrimPrefix(cell, ":"), ":")
		if bare == "" || strings.Trim(bare, "-") != "" {
			return nil
		}
		align := ""
		switch {
		case strings.HasPrefix(cell, ":") && strings.HasSuffix(cell, ":"):
			align = "center"
		case strings.HasPrefix(cell, ":"):
			align = "left"
		case strings.HasSuffix(cell, ":"):
			align = "right"
		}
		all = append(all, align)
	}
	return all
}

// cells splits a row at each unescaped |.
func cells(line string) []string {
	line = strings.TrimPrefix(strings.Trim(line, " \t"), "|")
	var all []string
	var cell strings.Builder
	ended := false
	for i := 0; i < len(line); i++ {
		ended = false
		switch {
		case line[i] == '\\' && i+1 < len(line) && line[i+1] == '|':
			cell.WriteByte('|')
			i++
		case line[i] == '|':
			all = append(all, strings.Trim(cell.String(), " \t"))
			cell.Reset()
			ended = true
		default:
			cell.WriteByte(line[i])
		}
	}
	if !ended {
		all = append(all, strings.Trim(cell.String(), " \t"))
	}
	return all
}
