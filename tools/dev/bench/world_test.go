//go:build linux

package bench

import (
	"cmp"
	"context"
	"crypto/sha256"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// repository is this repository's root, relative to this package.
const repository = "../../.."

// scratch is a folder for the whole run.
var scratch string

func TestMain(m *testing.M) {
	code, err := withScratch(m)
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		code = 1
	}
	os.Exit(code)
}

func withScratch(m *testing.M) (code int, err error) {
	flag.Parse()
	if f := flag.Lookup("test.bench"); f.Value.String() != "" {
		load, _ := os.ReadFile("/proc/loadavg") // informational only
		fmt.Printf("processors: %d, load: %s", runtime.NumCPU(), load)
	}
	if scratch, err = os.MkdirTemp("", "fn_registry_bench"); err != nil {
		return 1, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(scratch)) }()
	return m.Run(), nil
}

// programs builds the measured programs as `make build` does, once, and returns
// the folder.
var programs = sync.OnceValues(func() (string, error) {
	dir := filepath.Join(scratch, "bin")
	return dir, build(dir, "./tools/frontmatter-lint", "./cmd/registry_api")
})

// generator builds gentree, once, and returns it with a string that identifies
// this build.
var generator = sync.OnceValues(func() ([2]string, error) {
	file := filepath.Join(scratch, "gentree")
	if err := build(scratch, "-buildvcs=false", "./tools/dev/gentree"); err != nil {
		return [2]string{}, err
	}
	text, err := os.ReadFile(file)
	return [2]string{file, fmt.Sprintf("%x", sha256.Sum256(text))[:8]}, err
})

func build(dir string, args ...string) error {
	cmd := exec.Command("go", append([]string{"build", "-trimpath", "-ldflags=-s -w", "-o", dir + "/"}, args...)...)
	cmd.Dir = repository
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("%s: %w\n%s", cmd, err, out)
	}
	return nil
}

func program(b *testing.B, name string) string {
	b.Helper()
	dir, err := programs()
	if err != nil {
		b.Fatal(err)
	}
	return filepath.Join(dir, name)
}

// units returns a tree's number of units: usual, capped by BENCH_UNITS.
func units(b *testing.B, usual int) int {
	b.Helper()
	limit := os.Getenv("BENCH_UNITS")
	if limit == "" {
		return usual
	}
	n, err := strconv.Atoi(limit)
	if err != nil || n < 100 {
		b.Fatalf("BENCH_UNITS is %q; it should be a number from 100", limit)
	}
	return min(n, usual)
}

var trees = struct {
	sync.Mutex
	known map[string]string
}{known: map[string]string{}}

// tree returns a generated repository of n units, from the folder BENCH_TREES
// if the same build of gentree has already written it there. In a committed
// one, git tracks the files.
func tree(b *testing.B, n int, seed uint64, commit bool) string {
	b.Helper()
	trees.Lock()
	defer trees.Unlock()
	gentree, err := generator()
	if err != nil {
		b.Fatal(err)
	}
	name := fmt.Sprintf("tree-%d-%d-%t-%s", n, seed, commit, gentree[1])
	if dir, ok := trees.known[name]; ok {
		return dir
	}
	dir := filepath.Join(cmp.Or(os.Getenv("BENCH_TREES"), scratch), name)
	if _, err := os.Stat(dir); errors.Is(err, os.ErrNotExist) {
		half := dir + ".part"
		if err := os.RemoveAll(half); err != nil {
			b.Fatal(err)
		}
		c := run(b, exec.Command(gentree[0], "-n", strconv.Itoa(n), "-seed", strconv.FormatUint(seed, 10), fmt.Sprintf("-commit=%t", commit), "-out", half))
		if err := os.Rename(half, dir); err != nil {
			b.Fatal(err)
		}
		syscall.Sync() // otherwise the next measurement would share the disk with it
		b.Logf("wrote %d units in %.0f s", n, c.wall.Seconds())
	}
	trees.known[name] = dir
	return dir
}

// cost is the resource usage of a program's run.
type cost struct {
	wall, cpu time.Duration // cpu is user and system, of all its processes
	maxRSS    int64         // bytes, of its largest process
	output    string        // stdout and stderr
}

// run runs a command that must succeed.
func run(b *testing.B, cmd *exec.Cmd) cost {
	b.Helper()
	c, err := try(cmd)
	if err != nil {
		b.Fatalf("%s: %v\n%s", cmd, err, c.output)
	}
	return c
}

func try(cmd *exec.Cmd) (cost, error) {
	var out strings.Builder
	cmd.Stdout, cmd.Stderr = &out, &out
	began := time.Now()
	err := cmd.Run()
	c := cost{wall: time.Since(began), output: out.String()}
	if cmd.ProcessState != nil {
		c.cpu = cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()
		c.maxRSS = cmd.ProcessState.SysUsage().(*syscall.Rusage).Maxrss << 10
	}
	return c, err
}

// sum adds up the runs of one benchmark.
type sum struct {
	runs      int
	wall, cpu time.Duration
	maxRSS    int64
}

func (s *sum) add(c cost) {
	s.runs++
	s.wall += c.wall
	s.cpu += c.cpu
	s.maxRSS = max(s.maxRSS, c.maxRSS)
}

func (s *sum) report(b *testing.B) {
	b.ReportMetric(s.cpu.Seconds()/float64(s.runs), "cpu-s/op")
	b.ReportMetric(s.wall.Seconds()/float64(s.runs), "wall-s/op")
	b.ReportMetric(float64(s.maxRSS)/1e6, "peak-MB")
	b.ReportMetric(0, "ns/op") // it would include the work between two runs
}

// times reports s as a multiple of base in the same run.
func (s *sum) times(b *testing.B, base *sum, unit string) {
	if base.runs == 0 {
		return // excluded by -bench
	}
	b.ReportMetric(s.cpu.Seconds()/float64(s.runs)/(base.cpu.Seconds()/float64(base.runs)), "x-cpu-of-"+unit)
	b.ReportMetric(s.wall.Seconds()/float64(s.runs)/(base.wall.Seconds()/float64(base.runs)), "x-wall-of-"+unit)
}

// environment is the caller's, with some variables added.
func environment(set ...string) []string { return append(os.Environ(), set...) }

// waitFor polls until ok, and fails the benchmark after the limit.
func waitFor(b *testing.B, limit, every time.Duration, what string, ok func() bool) {
	b.Helper()
	ctx, cancel := context.WithTimeout(b.Context(), limit)
	defer cancel()
	tick := time.NewTicker(every)
	defer tick.Stop()
	for !ok() {
		select {
		case <-ctx.Done():
			b.Fatalf("%s: not within %v", what, limit)
		case <-tick.C:
		}
	}
}
