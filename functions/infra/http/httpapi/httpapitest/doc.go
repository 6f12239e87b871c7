// Package httpapitest has the tests that every HTTP API passes which package
// httpapi makes. It is a module of its own, for the sake of its validator.
package httpapitest
