// Package httpapi makes an HTTP API of endpoints that are values: each has its
// route, description, parameters, responses and code in one place, and the
// routes, the check of input and the OpenAPI document are all made of these.
//
// It is a package of its own so that a program without an API does not link it.
// Package httpapitest, a module of its own, has the tests that each API passes.
package httpapi
