// Package sse holds units for server-sent events (the HTML standard, section
// 9.2): a hub that serves them, a client that reconnects, and a reader for one
// stream.
package sse
