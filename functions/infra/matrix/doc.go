// Package matrix holds the units that speak to a Matrix homeserver through mautrix-go: a sync that loses nothing and
// doubles nothing, a send queue on disk, and the calls that a bot or a bridge is made of.
//
// It links no SQL engine and no crypto store: what is durable takes a *sql.DB on SQLite from its caller, and end-to-end
// encryption is in [fnregistry.dev/functions/infra/matrix/matrixcrypto].
package matrix
