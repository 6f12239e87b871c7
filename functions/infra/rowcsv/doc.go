// Package rowcsv writes the rows of database queries as CSV. It knows no
// driver.
package rowcsv
