package search

import (
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
)

func TestParseSignature(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"func(context.Context, *sql.DB) error":            "func(context.Context, *sql.DB) error",
		"func(ctx context.Context, a, b string) error":    "func(context.Context, string, string) error",
		"func(ctx context.Context, *sql.DB) error":        "func(context.Context, *sql.DB) error",
		"func F(x int) (n int, err error)":                "func(int) (int, error)",
		"func (c *Client) Do(r Request) error":            "func(*Client, Request) error",
		"(c *Client) Do(r Request) error":                 "func(*Client, Request) error",
		"func (l *List[E]) Push(v E) (*List[E], bool)":    "func(*List[T], T) (*List[T], bool)",
		"func[K comparable, V any](map[K]V) []K":          "func(map[T]U) []T",
		"func(io.Reader)":                                 "func(io.Reader) ...",
		"(string, int) -> (time.Duration, error)":         "func(string, int) (time.Duration, error)",
		"string -> int -> error":                          "func(string, int) error",
		"-> error":                                        "func(...) error",
		"string ->":                                       "func(string) ...",
		"() -> error":                                     "func() error",
		"string -> ()":                                    "func(string)",
		"[]T -> (T -> U) -> []U":                          "func([]T, func(T) U) []U",
		"(a -> (b -> c) -> d) -> d":                       "func(func(a, func(b) c) d) d",
		"<-chan T -> chan<- T":                            "func(<-chan T) chan<- T",
		"func(chan (<-chan int))":                         "func(chan (<-chan int)) ...",
		"func(_, map[string]_) [4]byte":                   "func(_, map[string]_) [4]byte",
		"func(uint8, []rune, interface{}, ...string)":     "func(byte, []int32, any, ...string) ...",
		"func(interface{ Close() error }, struct{A int})": "func(interface{ Close() error }, struct{A int}) ...",
		"func(iter.Seq2[string, error], ((int)))":         "func(iter.Seq2[string, error], int) ...",
		// Incomplete, as it is typed.
		"func(":                      "func(...) ...",
		"(":                          "func(...) ...",
		"func(context.":              "func(context) ...",
		"func(context.Con":           "func(context.Con) ...",
		"func(context.Context, ":     "func(context.Context) ...",
		"func(string, *":             "func(string) ...",
		"func(map[string":            "func(map[string]_) ...",
		"func(map[string]":           "func(map[string]_) ...",
		"func([":                     "func([]_) ...",
		"func(chan<-":                "func(chan _) ...",
		"func(f func(int":            "func(func(int)) ...",
		"func(string) (int, err":     "func(string) (int, err)",
		"func(ctx context.Context, ": "func(context.Context) ...",
		"string -> map[string":       "func(string) map[string]_",
	} {
		s, err := ParseSignature(text)
		if err != nil {
			t.Errorf("%q: %v", text, err)
		} else if s.String() != want {
			t.Errorf("%q:\ngot  %s\nwant %s", text, s, want)
		}
	}
	for _, text := range []string{"", "error", "funky(int)", "func(]", "func(1)", "(x", "func() {}; func g()", "func(a+b)",
		"(a -> b)", "func(" + strings.Repeat("[]", 100) + "int)", "func(" + strings.Repeat("int, ", 100) + "int)",
		"func(" + strings.Repeat("x", 5000) + ")"} {
		if s, err := ParseSignature(text); text != "(x" && (!errors.Is(err, ErrSignature) || s.String() != "func()") {
			t.Errorf("%.40q: got %s, %v", text, s, err)
		}
	}
}

func FuzzParseSignature(f *testing.F) {
	for _, text := range []string{"func(ctx context.Context, *sql.DB) error", "[]T -> (T -> bool) -> []T", "func(map[string",
		"func[K any](m map[K]chan<- <-chan K, f func(K) (K, error), _ ...struct{A int}) [4]byte", "(c *C[T]) Do(T) error", "-> ("} {
		f.Add(text)
	}
	x := Build(slices.Values(goldenUnits(f)))
	f.Fuzz(func(t *testing.T, text string) {
		s, err := ParseSignature(text)
		if err != nil {
			if !errors.Is(err, ErrSignature) {
				t.Errorf("%v does not wrap ErrSignature", err)
			}
			return
		}
		for _, h := range x.Search(Query{Signature: &s}, Options{}).Hits {
			if !(h.Score > 0 && h.Score <= 1) {
				t.Errorf("%+v", h)
			}
		}
		// Incomplete text and literals may be formatted so that they read
		// differently; everything else round-trips.
		if once := s.String(); !strings.Contains(once, "...") && !strings.ContainsAny(once, "{?") {
			again, err := ParseSignature(once)
			if err != nil {
				t.Fatalf("%q gives %s, and that %v", text, once, err)
			}
			if final, err := ParseSignature(again.String()); err != nil || final.String() != again.String() {
				t.Errorf("%q gives %s, then %s (%v)", text, again, final, err)
			}
		}
	})
}

func TestTypesReadBack(t *testing.T) {
	t.Parallel()
	for _, text := range []string{"func(a map[string][]*sql.DB, f func(int, ...string) (bool, error)) chan<- <-chan [4]any",
		"func F[K comparable, V any](m map[K]V, s struct{ A int }) iter.Seq2[K, V]"} {
		s, ok := parseDeclaration(text)
		if !ok {
			t.Fatalf("%s is not read", text)
		}
		for _, want := range slices.Concat(s.params, s.results) {
			encoded := want.append(nil)
			got, err := decodeType(encoded)
			if err != nil || !got.equal(want) {
				t.Errorf("%s reads back as %v (%v)", want, got, err)
			}
			for n := range encoded {
				if _, err := decodeType(encoded[:n]); err == nil {
					t.Errorf("%s, cut to %d bytes, is read", want, n)
				}
			}
		}
	}
}

// plainScore computes solver.score by trying all assignments and comparing the
// types themselves.
func plainScore(q, d Signature) float64 {
	var slots []slot
	holes := 0
	for side, list := range [2][]*typ{q.params, q.results} {
		for i, t := range list {
			if t.kind == kindHole {
				holes++
			} else {
				slots = append(slots, slot{side, i, t})
			}
		}
	}
	sides := [2][]*typ{d.params, d.results}
	sizes, unsaid := [2]int{len(q.params), len(q.results)}, [2]bool{q.anyParams, q.anyResults}
	best := 0.0
	var try func(i int, chosen []int)
	try = func(i int, chosen []int) {
		if i < len(slots) {
			for at := range sides[slots[i].side] {
				taken := false
				for j, c := range chosen {
					taken = taken || c == at && slots[j].side == slots[i].side
				}
				if !taken {
					try(i+1, append(chosen, at))
				}
			}
			return
		}
		var b binding
		sum, reordered := 0.0, false
		left := [2][]*typ{slices.Clone(sides[0]), slices.Clone(sides[1])}
		for j, sl := range slots {
			v := b.matchTop(sl.side, sl.typ, sides[sl.side][chosen[j]])
			if v == 0 {
				return
			}
			sum += v
			left[sl.side][chosen[j]] = nil
			reordered = reordered || j > 0 && slots[j-1].side == sl.side && chosen[j] < chosen[j-1]
		}
		score := 1.0
		if len(slots) > 0 {
			if score = sum / float64(len(slots)); score <= matchAny {
				return
			}
		}
		if reordered {
			score *= scoreReordered
		}
		score *= math.Pow(matchHole, float64(holes))
		for side := range sides {
			extra := len(sides[side]) - sizes[side]
			if extra < 0 {
				return
			}
			for _, t := range left[side] {
				if t != nil && extra > 0 && !unsaid[side] && t.class() != classOther && t.class() != classBasic {
					score *= scoreExpected
					extra--
				}
			}
			if !unsaid[side] {
				score *= math.Pow(scoreExtra, float64(extra))
			}
		}
		best = max(best, score)
	}
	try(0, nil)
	return best
}

// TestSignatureAgainstPlain compares the scan, with its tables, hashes and type
// numbers, with plainScore.
func TestSignatureAgainstPlain(t *testing.T) {
	t.Parallel()
	pool := append(slices.Clone(smallTypes), "[]int", "func(int) bool", "*T", "U", "func(T) U", "map[string]int", "chan Event", "Pair[T, int]", "Pair[string, int]",
		"Pair", "*db", "context", "[4]byte", "error", "context.Context")
	found := 0
	for seed := range uint64(300) {
		r := rand.New(rand.NewPCG(seed, 9))
		list := func(n int) string {
			types := make([]string, r.IntN(n+1))
			for i := range types {
				types[i] = pool[r.IntN(len(pool))]
				if strings.HasPrefix(types[i], "...") && i < len(types)-1 {
					types[i] = types[i][3:]
				}
			}
			return strings.Join(types, ", ")
		}
		results := func() string { return strings.ReplaceAll(list(2), "...", "[]") }
		var docs []Doc
		for i := range 20 {
			docs = append(docs, Doc{Key: fmt.Sprint(i), Signature: fmt.Sprintf("func F[T, U any](%s) (%s)", list(4), results())})
		}
		text := fmt.Sprintf("func(%s) (%s)", strings.ReplaceAll(list(3), "Event", "_"), results())
		if seed%5 == 0 {
			text = text[:len(text)-r.IntN(6)]
		}
		q, err := ParseSignature(text)
		if err != nil {
			continue
		}
		leaf := Build(slices.Values(docs)).findShape(q)
		for i, d := range docs {
			sig, ok := parseDeclaration(d.Signature)
			if !ok {
				t.Fatalf("%s is not read", d.Signature)
			}
			got, want := float64(leaf.cells[i].value)/math.MaxUint16, plainScore(q, sig)
			if leaf.cells[i].how != HowExact { // it fits in part, which plainScore does not see
				got = 0
			}
			if want > 0 {
				found++
			}
			if math.Abs(got-want) > 0.005 && math.Abs(want-matchAny) > 0.01 { // the tables round to a 255th
				t.Errorf("seed %d: %s and %s: got %.3f, want %.3f", seed, text, d.Signature, got, want)
			}
		}
	}
	if found < 500 {
		t.Errorf("only %d matches: the generator is broken", found)
	}
}
