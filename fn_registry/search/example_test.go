package search_test

import (
	"fmt"
	"slices"

	"fnregistry.dev/fn_registry/search"
)

func Example() {
	index := search.Build(slices.Values([]search.Doc{
		{
			Key: "file_write_atomic_go_infra", Name: "file_write_atomic",
			Description: "Writes a file so that readers see the old content or the new.",
			Signature:   "func FileWriteAtomic(path string, data []byte, perm os.FileMode) error",
		},
		{
			Key: "file_watch_go_infra", Name: "file_watch",
			Description: "Reports changes of files below a folder.",
			Signature:   "func FileWatch(ctx context.Context, cfg FileWatchConfig) (<-chan FileWatchEvent, error)",
		},
	}))
	for _, text := range []string{"writing files", "FileWatch", "atomc", "(string, []byte) -> error"} {
		for _, hit := range index.Search(search.ParseQuery(text), search.Options{}).Hits {
			fmt.Println(text, "=>", hit.Key)
		}
	}
	matches, err := index.Similar(search.Draft{
		Name: "atomic_write", Signature: "func(string, []byte) error", Description: "Writes a file atomically.",
	}, 1)
	fmt.Println(matches[0].Key, matches[0].Score >= search.SimilarUse, matches[0].Words, err)
	// Output:
	// writing files => file_write_atomic_go_infra
	// FileWatch => file_watch_go_infra
	// atomc => file_write_atomic_go_infra
	// (string, []byte) -> error => file_write_atomic_go_infra
	// file_write_atomic_go_infra true [atomic write file] <nil>
}
