package rowquery

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
	return parseList("row_select_parse", text, (*parser).selected)
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
