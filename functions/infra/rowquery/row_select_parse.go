package rowquery

import "fmt"

// RowSelectParse reads the columns to return, as in
// id,name,city:data->address->>city: each may have another name before a colon,
// and * is all of them. "" is nil, which callers read as *.
//
// Errors: CodeInvalid.
//
// More in row_select_parse.md:
//   - The columns need not exist; names may come twice.
//   - Embedded tables, artist(*), are not read.
func RowSelectParse(text string) ([]RowSelect, error) {
	if text == "" {
		return nil, nil
	}
	p := newParser("row_select_parse", text)
	var selected []RowSelect
	for p.err == nil {
		selected = append(selected, p.selected())
		if len(selected) > maxColumns {
			p.fail(fmt.Sprintf("more than %d columns", maxColumns), "")
		}
		if !p.take(",") {
			break
		}
	}
	p.end()
	if p.err != nil {
		return nil, p.err
	}
	return selected, nil
}

func (p *parser) selected() RowSelect {
	if p.take("*") {
		return RowSelect{All: true}
	}
	column := p.column(":,()")
	if len(column.Path) > 0 || !p.take(":") {
		return RowSelect{Column: column}
	}
	return RowSelect{Alias: column.Name, Column: p.column(":,()")}
}
