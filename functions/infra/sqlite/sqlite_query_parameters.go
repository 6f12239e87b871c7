package sqlite

// SQLiteQueryParameters returns the names of the parameters of one statement,
// without :, @ or $ before them, in their order and each once: the fields of a
// form for it. Those without a name, as ?, are left out. SQL that isn't one
// statement has none.
//
// More in sqlite_query_parameters.md:
//   - It reads the text and does not ask SQLite: the SQL may be wrong
//     otherwise.
//   - Placeholders without a name, as ? and ?2, are not listed.
func SQLiteQueryParameters(query string) []string {
	statements := splitSQL(query)
	if len(statements) != 1 {
		return nil
	}
	var names []string
	seen := map[string]bool{}
	for _, p := range statements[0].params {
		if p.name == "" || seen[p.name[1:]] {
			continue
		}
		seen[p.name[1:]] = true
		names = append(names, p.name[1:])
	}
	return names
}
