// Package sqltest has the tests that the units of every SQL driver must pass:
// suites for queries as JSON, for migrations, for bulk inserts and for coded
// errors. What is specific to one database is left to the driver's own tests.
package sqltest
