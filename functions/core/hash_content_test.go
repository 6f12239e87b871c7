package core_test

import (
	"bytes"
	"fmt"
	"hash/crc32"
	"hash/fnv"
	"net/url"
	"path/filepath"
	"testing"

	"fnregistry.dev/functions/core"
)

// The SHA-256 test vectors of FIPS 180-4 (NIST CSRC examples) and the empty
// string, in base64url.
func TestHashContent_KnownVectors(t *testing.T) {
	t.Parallel()
	for content, want := range map[string]core.ContentHash{
		"":    "sha256-47DEQpj8HBSa-_TImW-5JCeuQeRkm5NMpJWZG3hSuFU",
		"abc": "sha256-ungWv48Bz-pBQUDeXa4iI7ADYaOWF3qctBD_YfIAFa0",
		"abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq": "sha256-JI1qYdIGOLjlwCaTDD5gOaM85Flk_yFn9uzt1BnbBsE",
	} {
		if got := core.HashContent([]byte(content)); got != want {
			t.Errorf("%q: got %s, want %s", content, got, want)
		}
	}
	if core.HashContent(nil) != core.HashContent([]byte{}) {
		t.Error("nil and empty differ")
	}
}

// Flipping any one bit changes the hash; the same bytes elsewhere in memory
// hash the same.
func TestHashContent_DetectsChange(t *testing.T) {
	t.Parallel()
	content := []byte("name: error_code\nkind: function\n")
	seen := map[core.ContentHash]bool{core.HashContent(content): true}
	for i := range content {
		for bit := range 8 {
			changed := bytes.Clone(content)
			changed[i] ^= 1 << bit
			seen[core.HashContent(changed)] = true
		}
	}
	if want := 1 + 8*len(content); len(seen) != want {
		t.Errorf("%d different hashes, want %d", len(seen), want)
	}
	if !seen[core.HashContent(bytes.Clone(content))] {
		t.Error("a copy has another hash")
	}
}

func TestHashContent_SafeText(t *testing.T) {
	t.Parallel()
	for i := range 1000 {
		text := string(core.HashContent(fmt.Append(nil, i)))
		if len(text) != 50 || url.PathEscape(text) != text || filepath.Base(text) != text {
			t.Fatalf("%q is not safe in a URL or a file name", text)
		}
	}
}

// The alternatives are common choices for speed. Collisions can be constructed
// for both, and crc32 collides at random within a hundred thousand files.
func BenchmarkHashContent(b *testing.B) {
	for _, size := range []int{4 << 10, 1 << 20} {
		content := bytes.Repeat([]byte{7}, size)
		run := func(name string, hash func()) {
			b.Run(fmt.Sprintf("%s/%dKiB", name, size>>10), func(b *testing.B) {
				b.SetBytes(int64(size))
				b.ReportAllocs()
				for b.Loop() {
					hash()
				}
			})
		}
		run("HashContent", func() { core.HashContent(content) })
		run("fnv64a", func() { h := fnv.New64a(); h.Write(content); h.Sum64() })
		run("crc32", func() { crc32.ChecksumIEEE(content) })
	}
}
