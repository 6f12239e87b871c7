// Package rowquery reads what the query string of a table's URL asks for:
// filters, order, columns and the place where a page starts. It is PostgREST's
// language
// (https://docs.postgrest.org/en/stable/references/api/tables_views.html) as
// far as it fits other databases, too. A unit of a driver turns the result into
// SQL.
package rowquery
