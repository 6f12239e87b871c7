// Package yaml reads YAML strictly: each mistake is reported with its place,
// and with what may have been meant.
package yaml
