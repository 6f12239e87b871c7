// Package migration reads numbered SQL files for the migration units of all
// drivers. It imports no driver.
package migration
