// Package matrix has the client of a Matrix homeserver, on mautrix-go, its
// errors, the events that come, and the messages that go.
//
// Beside it, in packages that import it and that it does not know: matrixsync
// receives events, matrixoutbox sends them from a queue on disk, matrixmedia
// transfers files, matrixroom has rooms and invitations, and matrixcrypto
// end-to-end encryption. None links an SQL engine: what is durable takes a
// *sql.DB on SQLite from its caller.
package matrix
