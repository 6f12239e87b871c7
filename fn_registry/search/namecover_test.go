package search

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"testing"
)

func TestNameCover(t *testing.T) {
	t.Parallel()
	x := Build(slices.Values([]Doc{
		{Key: "a", Name: "room_list", Tags: []string{"retry"}}, {Key: "b", Name: "room_create_retry"}, {Key: "c", Name: "migrate"}, {Key: "d"},
	}))
	for query, want := range map[string][]float64{
		"rooms":                     {1. / 2, 1. / 3, 0, 0}, // by form
		"rooms list retry":          {1, 2. / 3, 0, 0},      // tags are no name
		"migration of a chatroom":   {1. / 2, 1. / 3, 1, 0}, // by root, by synonym
		"something else altogether": {0, 0, 0, 0},
	} {
		said := newSpoken(x)
		for _, w := range analyze(ParseQuery(query).Words) {
			said.learn(w)
		}
		for doc, cover := range want {
			if got := said.cover(doc); got != cover {
				t.Errorf("%s: %.2f of the name of %s, want %.2f", query, got, x.key(doc), cover)
			}
		}
	}
}

// TestNameCoverRanks checks that a unit whose name says more than the query
// ranks below one whose name does not, though its description matches the
// query, too.
func TestNameCoverRanks(t *testing.T) {
	t.Parallel()
	x := Build(slices.Values([]Doc{
		{Key: "a", Name: "http_body_read_fully", Description: "Reads http."}, {Key: "b", Name: "http_read"}, {Key: "c"}, {Key: "d"},
	}))
	if got := keys(x.Search(ParseQuery("read over http"), Options{}).Hits); got != "b a" {
		t.Errorf("found %s", got)
	}
}

// TestNameCoverPages checks that pages of any size are parts of one list, even
// beyond the hits whose names were compared.
func TestNameCoverPages(t *testing.T) {
	t.Parallel()
	var docs []Doc
	for i := range 3 * namedHits {
		docs = append(docs, Doc{Key: fmt.Sprint("u", i), Name: strings.Repeat("word_", i%7) + "read", Description: strings.Repeat("read ", i%5)})
	}
	x := Build(slices.Values(docs))
	all := x.Search(ParseQuery("read"), Options{Limit: len(docs)}).Hits
	for _, size := range []int{1, 7, namedHits - 1, namedHits + 1, 100} {
		var pages []Hit
		for from := 0; from < len(docs); from += size {
			pages = append(pages, x.Search(ParseQuery("read"), Options{Offset: from, Limit: size}).Hits...)
		}
		if keys(pages) != keys(all) {
			t.Errorf("pages of %d differ:\n%s\n%s", size, keys(pages), keys(all))
		}
	}
	if !slices.IsSortedFunc(all, func(a, b Hit) int { return cmp.Compare(b.Score, a.Score) }) {
		t.Error("out of order")
	}
}
