// Package matrixmedia uploads, sends and downloads files on a Matrix
// homeserver, encrypted ones too.
package matrixmedia
