package scaffold

import (
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write what the scaffold makes into the goldens")

// golden compares a text with a file of testdata.
func golden(t *testing.T, name, got string) {
	t.Helper()
	file := "testdata/" + name
	if *update {
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if got == string(want) {
		return
	}
	a, b := strings.Split(got, "\n"), strings.Split(string(want), "\n")
	for i := range a {
		if i >= len(b) || a[i] != b[i] {
			t.Errorf("%s:%d: got\n%s\nwant\n%s", file, i+1, strings.Join(a[i:min(i+6, len(a))], "\n"), strings.Join(b[min(i, len(b)):min(i+6, len(b))], "\n"))
			return
		}
	}
	t.Errorf("%s goes on after line %d:\n%s", file, len(a), b[len(a)])
}

// planText writes a plan, or the error in its place, as the goldens have it.
func planText(p *Plan, err error) string {
	if err != nil {
		return fmt.Sprintf("error: %v\n", err)
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%s in %s\n", p.ID, p.Folder)
	for _, n := range p.Notes {
		fmt.Fprintf(&b, "note: %s\n", n)
	}
	for _, f := range p.Files {
		fmt.Fprintf(&b, "-- %s --\n%s", f.Path, f.Text)
	}
	return b.String()
}

// corners are what the workspace lacks: a package with types of every form,
// names that are taken in tests alone, two packages of one name, and a file
// that imports what nothing else does.
const corners = `-- lib/net/odd/odd.go --
// Package odd has types of every form.
package odd

import (
	"net/http"

	. "strings"
	_ "embed"

	"driver.example/go-pq/v3"
	fail "example.org/lib/base"
)

// Client is one.
type Client struct {
	*http.Client
	fail.Failure // why it ended

	// Base is where requests go,
	// without a slash.
	Base, Path string
	Retries int // how often a call is tried again
	hidden bool
}

// HTTPRetryConfig configures it.
type HTTPRetryConfig struct {
	Retries int // how often; default 3
	Wait func(n int) bool
	Builder
	note string
}

// Mode is a number.
type Mode uint8

// Limits are two numbers.
type Limits [2]int

// Opener opens.
type Opener interface{ Open(name string) error }

var shared = pq.Open

const taken = 1
-- lib/net/odd/odd_test.go --
package odd

import "testing"

func HelpTest(t *testing.T) {}

func ExampleHTTPRetry() {}
-- lib/net/odd/other_test.go --
package odd_test

var HelpOther = 1
-- lib/net/second/http/http.go --
// Package http is the third of its name.
package http

// Mark is a type.
type Mark struct{ A int }
`

// TestNew_Golden: what is made of drafts of every form, to the letter.
func TestNew_Golden(t *testing.T) {
	t.Parallel()
	c := load(t, tree(t, t.TempDir(), workspace+corners))
	long := "Waits for a while that grows from one try to the next, until it has tried so often that nobody would believe in it any more, and says how long it took. A second sentence."
	for name, drafts := range map[string][]Draft{
		"functions": {
			{Name: "slug_make", Domain: "base", Pure: true},
			{Name: "backoff_wait", Domain: "base", Description: long, Tags: []string{"time", "retry"}},
			{Name: "retry_do", Domain: "base", Description: "retryDo\n does it"},
			{Name: "http_retry", Domain: "net", Package: "odd", Signature: "func(ctx context.Context, cfg HTTPRetryConfig, client *Client) (*Client, error)"},
			{Name: "many_results", Domain: "net", Package: "odd", Signature: "func(m Mode, l Limits, o Opener) (Mode, Limits, Opener, [2]int, map[string]int, func(), chan int, any, time.Time, float64, bool, string, error)"},
			{Name: "no_error", Domain: "net", Package: "odd", Signature: "func(m Mode, l Limits, o Opener, c Client, w io.Writer, t time.Time, rest ...time.Duration) (int, bool)"},
			{Name: "nothing_back", Domain: "net", Package: "odd", Signature: "func(f func(int) string, c <-chan int, s struct{ A int }, e [3]error)"},
			{Name: "third_http", Domain: "net", Package: "lib/net/third", Signature: "func(m http.Mark) error"},
			{Name: "driver_use", Domain: "net", Package: "odd", Signature: "func(db pq.DB) error"},
			{Name: "generic_one", Domain: "base", Signature: "func[K comparable, V any, N Number](m map[K]V, n N, f func(K) V) (K, V, N, error)"},
			{Name: "help_test", Domain: "net", Package: "odd"},
			{Name: "help_other", Domain: "net", Package: "odd"},
			{Name: "err_param", Domain: "base", Signature: "func(err error, t int, ctx context.Context) (out int, err2 error)"},
			{Name: "unnamed", Domain: "base", Signature: "func(int, string, ...bool) error"},
			{Name: "blank", Domain: "base", Signature: "func(_ int, _ string) error"},
		},
		"types": {
			{Name: "retry_policy", Domain: "base", Kind: "type"},
			{Name: "log_level", Domain: "base", Kind: "type", Signature: "type LogLevel int", Description: long},
			{Name: "token_store", Domain: "net", Kind: "type", Package: "lib/net/token", Signature: "type TokenStore interface { Load(ctx context.Context) (string, error); io.Closer }"},
			{Name: "ring_of", Domain: "base", Kind: "type", Signature: "type RingOf[T any] struct { items []T; Len int }"},
			{Name: "handler", Domain: "net", Kind: "type", Package: "odd", Signature: "type Handler func(c *Client, r *http.Request) (Mode, error)"},
			{Name: "by_name", Domain: "net", Kind: "type", Package: "odd", Signature: "type ByName = map[string][]Client"},
		},
		"compositions": {
			{Name: "fetch_and_pick", Domain: "net", Kind: "pipeline", Package: "http", Uses: []string{"pick_all_go_base", "http_duckdb_get_go_net", "failure_go_base"}},
			{Name: "load_and_get", Domain: "net", Kind: "pipeline", Package: "odd", Uses: []string{"heavy_load_go_net", "http_duckdb_get_go_net"}, Signature: "func(url string) (int, error)"},
			{Name: "tool_light", Kind: "app", Uses: []string{"http_duckdb_get_go_net", "pick_all_go_base", "failure_go_base"}},
			{Name: "tool_heavy", Kind: "app", Uses: []string{"heavy_load_go_net", "heavy_load_go_net"}, Description: long, Tags: []string{"cli"}},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var b strings.Builder
			for _, d := range drafts {
				fmt.Fprintf(&b, "===== %s %s\n", d.Name, d.Signature)
				b.WriteString(planText(New(c, d)))
			}
			golden(t, name+".txt", b.String())
		})
	}
}

// TestFirstSpecs_Golden: the specs that a package without any is given.
func TestFirstSpecs_Golden(t *testing.T) {
	t.Parallel()
	dir := tree(t, t.TempDir(), workspace+corners+`-- lib/net/odd/work.go --
package odd

import (
	"context"
	"net/http"
	"os"
	"strings"

	"driver.example/go-pq/v3"
	"example.org/lib/base"
	dial "example.org/lib/net/http"
)

// HTTPRetry calls again
// what failed. It gives up in the end.
func HTTPRetry(ctx context.Context, cfg HTTPRetryConfig, opts *Client) (*Client, bool) {
	_, _ = http.Get(dial.HTTPDuckDBGet("").Error())
	return nil, false
}

// Clean tidies a text.
func Clean(text string, _ int, rest ...string) string { return strings.TrimSpace(text) }

func PickFirst[K comparable](m map[K]int) (K, error) { var k K; return k, &base.Failure{} }

// PQOpen opens.
func PQOpen(name string) (db pq.DB, err error) { return pq.Open(os.Getenv(name)) }

// slug_make is the name of another one.
func Slug_Make() {}

func SlugMake() {}

func (c *Client) Get(name string) error { return nil }
-- lib/net/odd/work_test.go --
package odd

import "testing"

func TestClean(t *testing.T) {
	t.Run("empty", func(t *testing.T) { Clean("", 0) })
}

func ExamplePickFirst() { PickFirst(map[int]int{}) }
-- lib/net/odd/work_example_test.go --
package odd_test

import (
	"fmt"

	"example.org/lib/net/odd"
)

func ExampleClean() {
	// It trims.
	if text := odd.Clean(" a ", 1); text != "" {
		fmt.Println(text)
	}
	// Output: a
}
-- lib/net/odd/zone_linux.go --
package odd

// ZoneRead is there twice.
func ZoneRead() string { return "" }
-- lib/net/odd/zone_other.go --
//go:build !linux

package odd

func ZoneRead() string { return "" }
-- heavy/far/far.go --
package far

// FarAway is far away.
func FarAway() {}
`)
	plan := FirstSpecs(load(t, dir))
	before := planText(plan, nil)
	if err := plan.Write(dir); err != nil {
		t.Fatal(err)
	}
	left, err := Complete(t.Context(), load(t, dir), plan)
	after := fmt.Sprintf("===== completed, error %v\n", err)
	for _, f := range left {
		after += fmt.Sprintf("%s:%d:%d: %s: %s\n", f.File, f.Line, f.Column, f.Rule, f.Message)
	}
	for _, f := range plan.Files {
		after += fmt.Sprintf("-- %s --\n%s", f.Path, f.Text)
	}
	golden(t, "first_specs.txt", before+after)
}
