// Package search ranks the specs of code units: by words, by the shape of a
// signature, and by similarity to a draft.
// The index is in memory, immutable, and safe for concurrent use.
// [Index.Update] returns a new one that shares what did not change. An index
// can be written to a file and loaded without decoding.
// A word of a query matches a word of a unit if both are equal or have the same
// stem (retry, retries, retrying). The last free word also matches as a prefix,
// since it may still be being typed. If fewer than three units match, typos are
// tolerated, and the other words match as prefixes too; such units rank below
// the others. Identifiers are found whole, in parts and joined:
// file_write_atomic, FileWriteAtomic, file-write, writeatomic.
package search
