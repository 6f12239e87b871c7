// Package sqltest has the tests that the units of every SQL driver pass: one
// suite for queries that become JSON, one for migrations, one for coded errors.
// What only one database has, the driver's own tests show.
package sqltest
