// Package search ranks the specs of code units: by words, by the shape of a
// signature, and by likeness to a draft.
//
// The index lives in memory, never changes once built, and is safe for any
// number of readers. [Index.Update] makes a new one that shares what did not
// change. All of it can be written to a file and loaded back without decoding.
//
// A word of a query matches a word of a unit when both are equal or have the
// same stem (retry, retries, retrying). The last free word also matches as a
// beginning, since somebody may still be typing it. Where fewer than three
// units match, typing errors are forgiven, and other words too match as
// beginnings; such units rank below the others. Identifiers are found whole, in
// parts and joined: file_write_atomic, FileWriteAtomic, file-write,
// writeatomic.
package search
