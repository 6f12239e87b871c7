package file_test

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"testing"

	"fnregistry.dev/functions/infra/file"
)

// Starting to watch 2,000 folders of 10 files, compared with a plain walk that
// stats each file; and the memory kept per file. A sweep costs as much as the
// start, less the creation of the watches.
func BenchmarkFileWatch(b *testing.B) {
	const folders, files = 2000, 10
	root := b.TempDir()
	for i := range folders {
		dir := filepath.Join(root, fmt.Sprintf("group%02d/unit%04d", i%50, i))
		if err := os.MkdirAll(dir, 0o755); err != nil {
			b.Fatal(err)
		}
		for j := range files {
			if err := os.WriteFile(filepath.Join(dir, fmt.Sprintf("file_number_%d.go", j)), nil, 0o644); err != nil {
				b.Fatal(err)
			}
		}
	}
	b.Run("start", func(b *testing.B) {
		for b.Loop() {
			watch, err := file.FileWatch(b.Context(), file.FileWatchConfig{Roots: []string{root}})
			if err != nil {
				b.Fatal(err)
			}
			stop(b, watch)
		}
	})
	b.Run("walk", func(b *testing.B) {
		for b.Loop() {
			err := filepath.WalkDir(root, func(_ string, entry fs.DirEntry, err error) error {
				if err == nil {
					_, err = entry.Info()
				}
				return err
			})
			if err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("memory", func(b *testing.B) {
		heap := func() float64 {
			var m runtime.MemStats
			runtime.GC()
			runtime.ReadMemStats(&m)
			return float64(m.HeapAlloc)
		}
		for b.Loop() {
			before := heap()
			watch, err := file.FileWatch(b.Context(), file.FileWatchConfig{Roots: []string{root}})
			if err != nil {
				b.Fatal(err)
			}
			b.ReportMetric((heap()-before)/(folders*files), "B/file")
			stop(b, watch)
		}
	})
}
