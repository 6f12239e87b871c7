// Package matrixcrypto has the end-to-end encryption of Matrix clients. It is
// apart from package matrix because it links mautrix's crypto machine and its
// SQL store; package matrix knows it only by the interface
// [fnregistry.dev/functions/infra/matrix/matrixsync.MatrixSyncCrypto].
//
// Build with -tags goolm (Olm in pure Go, our default) or -tags libolm (the C
// library, with its headers). A build with neither works, and its
// matrix_crypto_init returns core.CodeUnsupported.
package matrixcrypto
