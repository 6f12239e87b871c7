// Package migration reads numbered SQL files as the migration units of all
// drivers do. It knows no driver.
package migration
