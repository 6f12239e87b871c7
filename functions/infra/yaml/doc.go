// Package yaml reads YAML strictly: each error is reported with its position,
// and a suggestion if there is one.
package yaml
