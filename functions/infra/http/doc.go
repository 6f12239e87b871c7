// Package http holds units for HTTP servers and clients, on top of net/http:
// serving, middleware, JSON in and out, problem responses, and a retrying
// transport.
//
// A program that needs both packages imports this one under another name,
// fnhttp by custom. Middleware takes the next handler first, as net/http's own
// does, and keeps http.ResponseController working. [HTTPStack] has it in its
// order; routes go inside, by [HTTPMux]. An API whose endpoints describe
// themselves is made by package httpapi.
package http
