package main

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"regexp"
	"slices"
	"strings"
)

// event is a line of go test -json: test2json's format, and for builds that of
// go help buildjson.
type event struct {
	Action     string
	Package    string
	ImportPath string
	Test       string
	Output     string
}

// report reads go test -json, prints what go test would print without it,
// except for the indentation of subtests, and collects what failed and what was
// skipped.
type report struct {
	out     io.Writer
	part    []byte
	tests   map[string]*packageOutput
	failed  []string
	skipped []skip
	replay  []byte
}

// packageOutput is the output of a package's tests so far, without those that
// have passed.
type packageOutput struct {
	lines []event
}

// skip is a test that was skipped.
type skip struct {
	name   string // package and test
	pkg    string
	server string // the needed server, if SKIP_SERVERS=1 is the reason
	reason string
}

// needsServer matches the skip message of package servers.
var needsServer = regexp.MustCompile(`SKIP_SERVERS=1: it needs a real (\S+)`)

func newReport(out io.Writer) *report {
	return &report{out: out, tests: make(map[string]*packageOutput)}
}

func (r *report) Write(p []byte) (int, error) {
	r.part = append(r.part, p...)
	for {
		i := bytes.IndexByte(r.part, '\n')
		if i < 0 {
			return len(p), nil
		}
		r.line(r.part[:i+1])
		r.part = r.part[i+1:]
	}
}

func (r *report) line(line []byte) {
	var e event
	if err := json.Unmarshal(line, &e); err != nil || e.Action == "" {
		_, _ = r.out.Write(line) // not from go test
		return
	}
	r.event(e)
}

func (r *report) event(e event) {
	switch e.Action {
	case "build-output":
		fmt.Fprint(r.out, e.Output)
		return
	case "output":
		r.of(e.Package).lines = append(r.of(e.Package).lines, e)
		if replay.MatchString(e.Output) {
			r.replay = append(r.replay, e.Output...)
		}
		return
	case "skip":
		if e.Test != "" {
			r.skipped = append(r.skipped, r.skip(e))
		}
	case "fail":
		r.failed = append(r.failed, name(e))
	case "pass":
	default:
		return
	}
	if e.Test == "" {
		r.print(e)
		delete(r.tests, e.Package)
	} else if e.Action != "fail" {
		p := r.of(e.Package)
		p.lines = slices.DeleteFunc(p.lines, func(line event) bool { return line.Test == e.Test })
	}
}

func (r *report) of(pkg string) *packageOutput {
	if r.tests[pkg] == nil {
		r.tests[pkg] = new(packageOutput)
	}
	return r.tests[pkg]
}

func name(e event) string {
	return strings.TrimSpace(strings.TrimPrefix(e.Package, "fnregistry.dev/") + " " + e.Test)
}

// skip returns why a test was skipped: its log, without go test's own lines.
func (r *report) skip(e event) skip {
	var said []string
	for _, line := range r.of(e.Package).lines {
		text := strings.TrimSpace(line.Output)
		if line.Test == e.Test && !strings.HasPrefix(text, "=== ") && !strings.HasPrefix(text, "--- ") {
			said = append(said, text)
		}
	}
	s := skip{name: name(e), pkg: strings.TrimPrefix(e.Package, "fnregistry.dev/"), reason: strings.Join(said, " ")}
	if found := needsServer.FindStringSubmatch(s.reason); found != nil {
		s.server = found[1]
	}
	return s
}

// print prints a package's result: one line if it passed, otherwise the whole
// output of its failed and unfinished tests.
func (r *report) print(e event) {
	lines := r.of(e.Package).lines
	if e.Action != "fail" {
		for _, line := range slices.Backward(lines) {
			if line.Test == "" {
				fmt.Fprint(r.out, line.Output)
				return
			}
		}
		return
	}
	lines = slices.DeleteFunc(lines, func(line event) bool { return strings.HasPrefix(line.Output, "=== ") })
	for _, line := range byTest(lines) {
		fmt.Fprint(r.out, line.Output)
	}
}

// byTest groups the output by test, its verdict first, in the order of the
// tests' first output; output of no test comes last.
func byTest(lines []event) []event {
	began := make(map[string]int)
	for i, line := range lines {
		if _, ok := began[line.Test]; !ok {
			began[line.Test] = i
		}
	}
	began[""] = len(lines)
	rank := func(line event) int {
		if strings.HasPrefix(strings.TrimLeft(line.Output, " "), "--- FAIL: "+line.Test+" ") {
			return 0
		}
		return 1
	}
	sorted := slices.Clone(lines)
	slices.SortStableFunc(sorted, func(a, b event) int {
		return cmp.Or(cmp.Compare(began[a.Test], began[b.Test]), cmp.Compare(rank(a), rank(b)))
	})
	return sorted
}

// end prints the packages that did not end.
func (r *report) end() {
	for _, pkg := range slices.Sorted(maps.Keys(r.tests)) {
		r.print(event{Action: "fail", Package: pkg})
		r.failed = append(r.failed, strings.TrimPrefix(pkg, "fnregistry.dev/")+" (did not end)")
	}
	_, _ = r.out.Write(r.part)
	r.part = nil
}
