// Package json reads JSON strictly: what is not exactly what was asked for is
// an error that says where and why.
package json
