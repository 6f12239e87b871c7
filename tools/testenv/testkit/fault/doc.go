// Package fault puts a proxy in front of a real server, in the test's own
// process, and lets the test break what passes through it.
// [TCP] works with any protocol over TCP: delay, limited bandwidth, connections
// that are reset, refused or go silent in one direction. [HTTP] answers in the
// server's place or spoils its responses, by rules that match method and path
// and that a seeded source of randomness, or a script, applies: statuses with
// Retry-After, truncated bodies, broken JSON, responses that are lost after the
// server did the work.
// A proxy listens on 127.0.0.1 at a free port that it keeps, even while it is
// down, and ends with its test, leaving no connection or goroutine behind. It
// adds no fault that the test did not request; only when the server can't be
// reached is the client's connection reset. Both kinds count what they did, so
// that a test can assert that its faults really happened. When a test fails,
// its log has the seed and the counts. The environment variable FAULT_SEED
// replays a seed.
// Proxies use real sockets and real time, so they don't work inside a
// testing/synctest bubble.
package fault
