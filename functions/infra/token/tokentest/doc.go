// Package tokentest holds the tests that every token store passes. It is for
// test files.
package tokentest
