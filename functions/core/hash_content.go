package core

import (
	"crypto/sha256"
	"encoding/base64"
)

// ContentHash is the hash of some content as text, made by [HashContent]:
// "sha256-" and 43 characters of unpadded URL-safe base64 (RFC 4648, section
// 5), 50 in all. It can stand in a file name, a URL and an ETag as it is. Two
// of them are compared with ==.
type ContentHash string

// HashContent returns the SHA-256 of content. Equal content gives an equal hash
// on every machine and in every version; nil and empty are the same content.
// The text names its algorithm, so that stored hashes stay readable should
// another one ever be chosen.
//
// More in hash_content.md:
//   - Not for passwords, and not a signature: anyone can compute it.
//   - Not the SRI format of browsers, which pads and uses the other base64
//     alphabet.
func HashContent(content []byte) ContentHash {
	sum := sha256.Sum256(content)
	text := make([]byte, 0, 64) // on the stack
	text = append(text, "sha256-"...)
	return ContentHash(base64.RawURLEncoding.AppendEncode(text, sum[:]))
}
