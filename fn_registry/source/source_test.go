package source

import (
	"fmt"
	goparser "go/parser"
	"go/token"
	"os/exec"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"
)

func parse(t *testing.T, path, src string) *File {
	t.Helper()
	f, err := Parse(path, []byte(src))
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func decl(t *testing.T, f *File, name string) Decl {
	t.Helper()
	for _, d := range f.Decls {
		if d.Name == name {
			return d
		}
	}
	t.Fatalf("no declaration %s", name)
	return Decl{}
}

func refs(list []Ref) []string {
	var out []string
	for _, r := range list {
		name := r.Name
		if r.Pkg != "" {
			name = r.Pkg + "." + name
		}
		out = append(out, name)
	}
	slices.Sort(out)
	return out
}

func TestParse_Signatures(t *testing.T) {
	for _, sig := range []string{
		"func F()",
		"func F(ctx context.Context, n, m int, rest ...string) (int, error)",
		"func F[K comparable, V any](m map[K][]V) iter.Seq2[K, V]",
		"func F[T ~int | ~string](x T) (y T, ok bool)",
		"func (s *Store[K]) F(a [4]byte, b chan<- int, c <-chan struct{}, d chan (<-chan int)) func(string) error",
		"func F(x interface{ Read(p []byte) (int, error) }, y struct{ A, B int })",
	} {
		d := decl(t, parse(t, "f.go", "package p\n"+sig+" { panic(0) }\n"), "F")
		if d.Signature != sig {
			t.Errorf("signature\n got %s\nwant %s", d.Signature, sig)
		}
	}
	f := parse(
		t,
		"f.go",
		"package p\ntype (\n A struct{ X int }\n B[T any] interface{ M() }\n C func(int) error\n D = map[string]A\n)",
	)
	for name, want := range map[string]string{"A": "type A struct", "B": "type B[T any] interface", "C": "type C func(int) error", "D": "type D = map[string]A"} {
		if got := decl(t, f, name).Signature; got != want {
			t.Errorf("%s: got %s, want %s", name, got, want)
		}
	}
}

func TestParse_Refs(t *testing.T) {
	f := parse(t, "f.go", `package p

import (
	"context"
	sqlite "example.org/go-sqlite/v2"
	"example.org/odd"
	"time"
)

var table = map[string]int{key: 1}
var count int

type Config struct{ Clock func() time.Time; Inner Other }

func F(ctx context.Context, cfg Config) error {
	local := Helper(cfg)
	time := local // shadows the import from here on
	_ = time.Field
	count++
	helperOfOtherFile.Method()
	real.Call()
	go func() { _ = Config{Clock: nil} }()
	return sqlite.Open[int](ctx, &table)
}
`)
	d := decl(t, f, "F")
	want := []string{
		"?helperOfOtherFile.Method",
		"?real.Call",
		"Config",
		"Helper",
		"context.Context",
		"count",
		"example.org/go-sqlite/v2.Open",
		"helperOfOtherFile",
		"table",
	}
	if got := refs(d.Refs); !reflect.DeepEqual(got, want) {
		t.Errorf("refs\n got %q\nwant %q", got, want)
	}
	var writes []string
	for _, w := range d.Writes {
		writes = append(writes, w.Name+w.Method)
	}
	if slices.Sort(writes); !reflect.DeepEqual(slices.Compact(writes), []string{"count", "helperOfOtherFileMethod", "table"}) {
		t.Errorf("writes %q", writes)
	}
	if len(d.Effects) != 1 || d.Effects[0].Pos.Line != 22 {
		t.Errorf("effects %v, want the go statement alone", d.Effects)
	}
	if got := refs(decl(t, f, "Config").Refs); !reflect.DeepEqual(got, []string{"Other", "time.Time"}) {
		t.Errorf("type refs %q", got)
	}
}

func TestParse_EmbeddedNames(t *testing.T) {
	t.Parallel()
	f, err := Parse("p.go", []byte(`package p

import "sync/atomic"

type S struct {
	A
	*B
	C[int]
	*atomic.Pointer[int]
	atomic.Bool
}
`))
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, field := range f.Decls[0].Fields {
		names = append(names, field.Name)
	}
	if got := strings.Join(names, " "); got != "A B C Pointer Bool" {
		t.Errorf("got %q", got)
	}
}

func TestParse_NilNil(t *testing.T) {
	for src, want := range map[string]bool{
		"func F() (*int, error) { return nil, nil }":                                            true,
		"func F() (*int, error) { return nil, err }":                                            false,
		"func F() error { return nil }":                                                         false,
		"func F() { _ = func() (*int, error) { return nil, nil } }":                             false,
		"func F() (*int, error) { if x { return nil, nil }; return nil, errors.New(\"none\") }": true,
	} {
		if got := decl(t, parse(t, "f.go", "package p\n"+src), "F").NilNil != nil; got != want {
			t.Errorf("%s: got %v", src, got)
		}
	}
}

func TestParse_Tests(t *testing.T) {
	f := parse(t, "f_test.go", `package p
import "testing"
var shared = []struct{ name string }{{"shared one"}, {"shared two"}}
func TestPlain(t *testing.T) {}
func TestF_Literal(t *testing.T) { t.Run("a b", func(t *testing.T) { t.Run("inner", func(t *testing.T) {}) }); t.Run("c", func(t *testing.T) {}) }
func TestF_Field(t *testing.T) {
	for _, tc := range []struct{ in int; name string }{{1, "one"}, {in: 2, name: "two"}} {
		t.Run(tc.name, func(t *testing.T) { _ = []struct{ name string }{{"not me"}} })
	}
}
func TestF_Map(t *testing.T) { for name := range map[string]int{"x": 1, "y": 2} { t.Run(name, func(t *testing.T) {}) } }
func TestF_Shared(t *testing.T) { for _, tc := range shared { t.Run(tc.name, func(t *testing.T) {}) } }
func FuzzF(f *testing.F) {}
func BenchmarkF(b *testing.B) {}
func ExampleF() {}
func TestMain(m *testing.M) {}
func Testify(t *testing.T) {}
func helper(t *testing.T) {}
`)
	var got []string
	for _, test := range f.Tests {
		got = append(got, test.Name+": "+strings.Join(test.Subtests, "|"))
	}
	want := []string{
		"TestPlain: ",
		"TestF_Literal: a b|c",
		"TestF_Field: one|two",
		"TestF_Map: x|y",
		"TestF_Shared: shared one|shared two",
		"FuzzF: ",
		"BenchmarkF: ",
		"ExampleF: ",
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("tests\n got %q\nwant %q", got, want)
	}
}

func TestParse_Error(t *testing.T) {
	_, err := Parse("f.go", []byte("package p\nfunc F( {\n"))
	e, ok := err.(*Error)
	if !ok || e.Pos.Line != 2 || e.Message == "" {
		t.Fatalf("got %#v", err)
	}
}

func TestTags(t *testing.T) {
	for expr, want := range map[string]string{
		"":                                 "",
		"linux":                            "",
		"linux && amd64 && !race":          "",
		"!purego":                          "",
		"goolm":                            "goolm",
		"goolm || libolm":                  "goolm libolm",
		"(linux && goolm) || darwin":       "",
		"integration && !windows && go1.2": "integration",
		"ignore":                           "ignore",
	} {
		got, err := Tags(expr)
		if err != nil || strings.Join(got, " ") != want {
			t.Errorf("%q: got %q, %v; want %q", expr, got, err, want)
		}
	}
	if _, err := Tags("a &&"); err == nil {
		t.Error("no error for a broken expression")
	}
}

func TestImpure(t *testing.T) {
	for name, want := range map[string]bool{
		"time.Now": true, "time.Duration": false, "os.ReadFile": true, "os.ErrNotExist": false, "strings.Cut": false,
		"crypto/rand.Read": true, "crypto/sha256.Sum256": false, "math/rand/v2.IntN": true, "encoding/json.Marshal": false,
		"net/http.StatusOK": false, "net/http.Get": true, "fmt.Println": true, "fmt.Sprintf": false, "text/template.ParseFiles": true,
		"hash/maphash.MakeSeed": true, "net/netip.ParseAddr": false, "os/exec.Command": true, "C.puts": true,
	} {
		i := strings.LastIndexByte(name, '.')
		if got, known := Impure(name[:i], name[i+1:]); got != want || !known {
			t.Errorf("%s: impure %v, known %v", name, got, known)
		}
	}
	if _, known := Impure("example.org/x", "F"); known {
		t.Error("a third-party package is known")
	}
	if !ImpureType("*sql.DB") || !ImpureType("...io.Writer") || ImpureType("[]byte") {
		t.Error("types")
	}
}

func TestGuessPackageName(t *testing.T) {
	for path, want := range map[string]string{
		"gopkg.in/yaml.v3": "yaml", "github.com/jackc/pgx/v5": "pgx", "github.com/zalando/go-keyring": "keyring",
		"net/http": "http", "v2": "v2", "github.com/ClickHouse/clickhouse-go/v2": "clickhouse", "go.yaml.in/yaml/v3": "yaml",
		"fmt": "fmt", "math/rand/v2": "rand", "example.org/x/v10": "x", "example.org/x/v": "v", "example.org/x/v2a": "v2a", "/v2": "v2", "a/v2/v3": "a", ".v2": ".v2", "a/.v2": ".v2", "x.vim": "x",
		"example.org/go-odd": "odd", "example.org/odd-go": "odd", "example.org/go-a-b": "a_b", "a/go-x.v2/v3": "x", "": "",
	} {
		if got := GuessPackageName(path); got != want {
			t.Errorf("%s: got %s, want %s", path, got, want)
		}
	}
}

// FuzzParse: no input panics, and parsed positions are inside the text.
func FuzzParse(f *testing.F) {
	f.Add("package p\nfunc F[T any](x ...T) (a, b int) { return nil, nil }\n")
	f.Add("package p\nimport \"C\"\nvar x = map[string]int{a: b.c}\n")
	f.Add("//go:build a && (b || !c)\npackage p\nfunc TestX(t *testing.T) { for _, c := range []struct{n string}{{\"\"}} { t.Run(c.n, func(){}) } }\n")
	f.Fuzz(func(t *testing.T, src string) {
		file, err := Parse("f_test.go", []byte(src))
		if err != nil {
			return
		}
		lines := strings.Count(src, "\n") + 1
		for _, d := range file.Decls {
			if d.Pos.Line < 1 || d.Pos.Line > lines {
				t.Fatalf("%s at line %d of %d", d.Name, d.Pos.Line, lines)
			}
		}
		_, _ = Tags(file.Constraint)
	})
}

const benchCode = `package cron

import ("context"; "time"; "fnregistry.dev/functions/core")

// CronServiceConfig configures it.
type CronServiceConfig struct { Jobs []Job; Clock func() time.Time; Jitter time.Duration }

// CronService runs jobs.
func CronService(ctx context.Context, cfg CronServiceConfig) (*Handle, error) {
	if len(cfg.Jobs) == 0 { return nil, &core.Error{Code: core.CodeInvalid, Op: "cron_service"} }
	h := &Handle{done: make(chan struct{})}
	go h.run(ctx)
	return h, nil
}
func (h *Handle) run(ctx context.Context) { defer close(h.done); for { select { case <-ctx.Done(): return } } }
`

func BenchmarkParse(b *testing.B) {
	src := []byte(benchCode)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := Parse("f.go", src); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkParse_Ratio compares reading a file with go/parser alone, including
// its own resolution of names. The two take turns, so that a busy machine slows
// both; the time of one operation is that of both together.
func BenchmarkParse_Ratio(b *testing.B) {
	src := []byte(benchCode)
	var own, parser time.Duration
	for b.Loop() {
		start := time.Now()
		if _, err := Parse("f.go", src); err != nil {
			b.Fatal(err)
		}
		own += time.Since(start)
		start = time.Now()
		if _, err := goparser.ParseFile(token.NewFileSet(), "f.go", src, goparser.ParseComments); err != nil {
			b.Fatal(err)
		}
		parser += time.Since(start)
	}
	b.ReportMetric(own.Seconds()/parser.Seconds(), "x/go/parser")
}

// TestParse_Allocations: in addition to go/parser's, a declaration costs a few
// allocations, whatever else the machine does.
func TestParse_Allocations(t *testing.T) {
	var b strings.Builder
	b.WriteString("package p\n\nimport \"strings\"\n")
	const decls = 50
	for i := range decls {
		fmt.Fprintf(&b, "\nfunc F%d(s string, n int) (string, error) {\n\tif n > 0 {\n\t\treturn strings.Repeat(s, n), nil\n\t}\n\treturn s, errBad\n}\n", i)
	}
	src := []byte(b.String())
	all := testing.AllocsPerRun(20, func() {
		if _, err := Parse("f.go", src); err != nil {
			t.Fatal(err)
		}
	})
	parser := testing.AllocsPerRun(20, func() {
		if _, err := goparser.ParseFile(token.NewFileSet(), "f.go", src, goparser.SkipObjectResolution); err != nil {
			t.Fatal(err)
		}
	})
	if got := (all - parser) / decls; got > 10 { // it is 8.2, and 9.2 with the race detector
		t.Errorf("%.1f allocations for a declaration, beside go/parser's %.1f", got, parser/decls)
	}
}

// TestKnownStandard: the list matches the go command's.
func TestKnownStandard(t *testing.T) {
	t.Parallel()
	out, err := exec.Command("go", "list", "std").Output()
	if err != nil {
		t.Fatal(err)
	}
	for path := range strings.FieldsSeq(string(out)) {
		if !slices.Contains(strings.Split(path, "/"), "internal") && !strings.HasPrefix(path, "vendor/") && !KnownStandard(path) {
			t.Errorf("%s is not known: update the list", path)
		}
	}
	for _, path := range []string{"net/htpt", "http", "Net/HTTP", "net/htt", "x"} {
		if KnownStandard(path) {
			t.Errorf("%s is known", path)
		}
	}
}
