// Package tokentest holds the tests that every token store must pass. It is for
// test files.
package tokentest
