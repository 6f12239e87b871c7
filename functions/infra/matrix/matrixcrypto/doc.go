// Package matrixcrypto gives a Matrix client end-to-end encryption. It is a package of its own for its weight.
package matrixcrypto
