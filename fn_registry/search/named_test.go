package search

import (
	"slices"
	"strings"
	"testing"
)

// declared yields declarations that are written as "pkg type ID string".
func declared(lines ...string) func() *NamedTypes {
	return func() *NamedTypes {
		return NewNamedTypes(func(yield func(string, string) bool) {
			for _, l := range lines {
				pkg, declaration, _ := strings.Cut(l, " ")
				if !yield(pkg, declaration) {
					return
				}
			}
		})
	}
}

// docsOf makes units of lines that are written as "key func(string) error".
func docsOf(lines ...string) []Doc {
	var docs []Doc
	for _, l := range lines {
		key, sig, _ := strings.Cut(l, " ")
		docs = append(docs, Doc{Key: key, Signature: sig})
	}
	return docs
}

func namedIndex() *Index {
	return Build(slices.Values(docsOf(
		"id func(id ID) (string, error)", "plain func(s string) (string, error)", "other func(id shop.ID) bool",
		"wait func(d time.Duration) bool", "nanos func(n int64) bool", "mode func(m os.FileMode) int8",
		"handler func(h http.HandlerFunc) uintptr", "ids func(ids []ID, by map[ID]Name) uint8", "both func(ID, time.Duration) rune",
		"generic func[T any](a, b T) float32", "name func(n Name) complex64",
	))).WithNamedTypes(declared(
		"user type ID string", "shop type ID int", "user type Name ID", "user type Loop Loop", "user type Broken [", "user type Any any", "user type Pair[T any] map[T]T",
	))
}

func TestSeeThroughNamedTypes(t *testing.T) {
	t.Parallel()
	x := namedIndex()
	for query, want := range map[string]string{
		"func(string) (string, error)":                           "plain id", // the exact types first
		"func(ID) (string, error)":                               "id plain",
		"func(user.ID) (string, error)":                          "id plain",
		"func(shop.ID) bool":                                     "other",
		"func(int) bool":                                         "other",
		"func(int64) bool":                                       "nanos wait",
		"func(int64)":                                            "nanos generic", // a Duration alone is not an int64
		"func(time.Duration) bool":                               "wait nanos",
		"func(fs.FileMode) int8":                                 "mode",
		"func(uint32) int8":                                      "mode",
		"func(string, int64) rune":                               "both",
		"func(ID, string) float32":                               "",     // T is one type
		"func(Name) complex64":                                   "name", // ID is not a Name, though both are strings
		"func(ID) complex64":                                     "name", // but Name was declared as ID
		"func(string) complex64":                                 "name",
		"func(Loop) complex64":                                   "",
		"(string) -> ID":                                         "plain id",
		"func([]string, map[string]string) uint8":                "ids",
		"func(func(http.ResponseWriter, *http.Request)) uintptr": "handler",
	} {
		var fit []Hit
		for _, h := range x.Search(ParseQuery(query), Options{}).Hits {
			if h.Score > partShape {
				fit = append(fit, h)
			}
		}
		if got := keys(fit); got != want {
			t.Errorf("%s: %q, want %q", query, got, want)
		}
	}
	if hits := Build(slices.Values(docsOf("id func(id ID) bool"))).Search(ParseQuery("func(string) bool"), Options{}).Hits; len(hits) > 0 && hits[0].Score > partShape {
		t.Errorf("an index without types finds %v", hits)
	}
}

// TestNamedTypesStay checks that named types survive updates.
func TestNamedTypesStay(t *testing.T) {
	t.Parallel()
	x := namedIndex().WithBoosts(func(string) float64 { return 1 }).Update([]string{"plain"}, docsOf("new func(n ID) (string, error)"))
	if got := keys(x.Search(ParseQuery("func(string) (string, error)"), Options{}).Hits); got != "id new" {
		t.Errorf("found %q", got)
	}
	if got := keys(x.WithNamedTypes(nil).Search(ParseQuery("func(int) bool"), Options{Limit: 1}).Hits); got == "other" {
		t.Error("without types, int is found as shop.ID")
	}
}
