package registry

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"hash/crc32"
	"io"
	"io/fs"
	"maps"
	"math"
	"os"
	"path/filepath"
	"slices"
	"sync"

	"fnregistry.dev/fn_registry/catalog"
	"fnregistry.dev/fn_registry/internal/cache"
	"fnregistry.dev/fn_registry/internal/regular"
	"fnregistry.dev/fn_registry/search"
	"fnregistry.dev/fn_registry/size/ledger"
)

// cacheFiles are the files in which a registry caches its state, and fn size
// the sizes of units; all "" if there is no cache.
type cacheFiles struct {
	snapshot, index string
	sizes           ledger.Dir
}

// cachePaths names the files after the program and the roots, so that several
// programs can share a folder.
func cachePaths(opts Options) (cacheFiles, error) {
	if opts.NoCache {
		return cacheFiles{}, nil
	}
	dir := opts.Cache
	if dir == "" {
		user, err := cache.Dir()
		if err != nil {
			return cacheFiles{}, err
		}
		dir = user
	}
	base, err := cache.Base(dir, opts.Roots)
	if err != nil {
		return cacheFiles{}, err
	}
	return cacheFiles{snapshot: base + ".snapshot", index: base + ".index", sizes: ledger.Of(dir)}, nil
}

// load creates the first state: from the cache's two files or, if one is
// unusable, by reading everything.
func (r *Registry) load(ctx context.Context) error {
	opts := catalog.Options{Roots: r.opts.Roots, Snapshot: r.files.snapshot}
	var x *search.Index
	var indexed map[string]fingerprint
	var indexErr error
	var wg sync.WaitGroup
	if r.files.index != "" {
		wg.Go(func() { x, indexed, indexErr = readIndex(r.files.index) })
	}
	c, err := catalog.Open(opts)
	wg.Wait()
	if err != nil {
		return err
	}
	if indexErr != nil && !errors.Is(indexErr, fs.ErrNotExist) {
		r.log.Warn("rebuilding the search index", "file", r.files.index, "error", indexErr)
	}
	if x != nil && len(c.Dirs) > 0 {
		r.unsaved = r.publish(c, x, indexed, nil)
		return nil
	}
	opts.Snapshot = ""
	if c, err = catalog.Open(opts); err != nil { // with the snapshot, unchanged folders would not be read
		return err
	}
	r.publish(c, new(search.Index), nil, nil)
	_, err = r.refresh(ctx)
	return err
}

// Save writes the cache's files if anything changed since the last Save. Each
// file is replaced atomically; if two don't match, the next Open repairs the
// difference. When ctx ends, Save gives up between two blocks of a file and
// leaves that file as it was.
func (r *Registry) Save(ctx context.Context) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !r.unsaved || r.files.snapshot == "" {
		return nil
	}
	s := r.State()
	if err := writeIndex(ctx, r.files.index, s.Index, r.indexed); err != nil {
		return err
	}
	if err := s.Catalog.Save(ctx, r.files.snapshot); err != nil {
		return err
	}
	r.unsaved = false
	return nil
}

// The index's file: magic, hash of the program that wrote it, which determines
// the form of an entry, length and CRC-32C of the list of units, that list (for
// each unit the length of its ID, the ID, its fingerprint), and the index in
// its own form, which has its own checksum.
const indexMagic = "fn_registry index\n"

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

func writeIndex(ctx context.Context, file string, x *search.Index, indexed map[string]fingerprint) error {
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		return err
	}
	var list []byte
	for _, id := range slices.Sorted(maps.Keys(indexed)) {
		hash := indexed[id]
		list = binary.AppendUvarint(list, uint64(len(id)))
		list = append(append(list, id...), hash[:]...)
	}
	program := cache.Build()
	head := append([]byte(indexMagic), program[:]...)
	head = binary.LittleEndian.AppendUint64(head, uint64(len(list)))
	head = binary.LittleEndian.AppendUint32(head, crc32.Checksum(list, castagnoli))
	return cache.Write(ctx, file, func(out io.Writer) error {
		if _, err := out.Write(append(head, list...)); err != nil {
			return err
		}
		_, err := x.WriteTo(out)
		return err
	})
}

var errIndexFile = errors.New("it is truncated, damaged or from another build")

func readIndex(file string) (*search.Index, map[string]fingerprint, error) {
	data, err := regular.Read(file, math.MaxInt64-1)
	if err != nil {
		return nil, nil, err
	}
	return decodeIndex(data, cache.Build())
}

func decodeIndex(data []byte, program [sha256.Size]byte) (*search.Index, map[string]fingerprint, error) {
	head := len(indexMagic) + len(program)
	if len(data) < head+12 || string(data[:len(indexMagic)]) != indexMagic || !bytes.Equal(data[len(indexMagic):head], program[:]) {
		return nil, nil, errIndexFile
	}
	size, sum := binary.LittleEndian.Uint64(data[head:]), binary.LittleEndian.Uint32(data[head+8:])
	data = data[head+12:]
	if size > uint64(len(data)) || crc32.Checksum(data[:size], castagnoli) != sum {
		return nil, nil, errIndexFile
	}
	list, rest := data[:size], data[size:]
	const usualItem = 48 // typical bytes of an ID with its fingerprint
	indexed := make(map[string]fingerprint, len(list)/usualItem)
	for len(list) > 0 {
		n, k := binary.Uvarint(list)
		if k <= 0 || n > uint64(len(list)) || uint64(k)+n+16 > uint64(len(list)) {
			return nil, nil, errIndexFile
		}
		id, hash := string(list[k:k+int(n)]), fingerprint(list[k+int(n):k+int(n)+16])
		indexed[id], list = hash, list[k+int(n)+16:]
	}
	x, err := search.Load(rest)
	if err != nil {
		return nil, nil, err
	}
	if x.Len() != len(indexed) {
		return nil, nil, errIndexFile
	}
	return x, indexed, nil
}
