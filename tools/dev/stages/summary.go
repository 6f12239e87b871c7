package main

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"text/tabwriter"
)

// sumUp prints how each stage ended, what failed in it and what was skipped. It
// returns the exit status.
func (r *runner) sumUp() int {
	code := 0
	if len(r.results) == 0 {
		r.say("no package is in the requested stages")
		return 2
	}
	r.say("summary")
	for _, done := range r.results {
		verdict := "ok"
		switch {
		case done.notRun:
			verdict = "not run"
		case !done.ok:
			verdict = "FAIL"
		}
		fmt.Fprintf(r.stdout, "  %-8s %6.1fs  %s\n", verdict, done.took.Seconds(), done.title)
		for _, line := range counted(done.failed) {
			fmt.Fprintf(r.stdout, "%20s%s\n", "", line)
		}
		if !done.ok {
			code = 1
		}
	}
	r.sumUpSkipped()
	if r.ended() {
		code = 128 + int(r.signal)
	}
	return code
}

// counted returns each distinct line with its count. A package or a test that
// failed because of one of its subtests is omitted.
func counted(failed []string) []string {
	times := make(map[string]int)
	for _, name := range failed {
		times[name]++
	}
	var list []string
	for _, name := range slices.Sorted(maps.Keys(times)) {
		above := func(other string) bool {
			return strings.HasPrefix(other, name+"/") || !strings.Contains(name, " ") && strings.HasPrefix(other, name+" ")
		}
		switch n := times[name]; {
		case slices.ContainsFunc(failed, above):
		case n > 1:
			list = append(list, fmt.Sprintf("%s (%d times)", name, n))
		default:
			list = append(list, name)
		}
	}
	return list
}

// sumUpSkipped prints how many tests were skipped for lack of each server, by
// package, and each other skipped test with its reason.
func (r *runner) sumUpSkipped() {
	type key struct{ server, pkg string }
	counts, others := make(map[key]int), make(map[string]bool)
	total := 0
	for _, done := range r.results {
		for _, s := range done.skipped {
			if s.server == "" {
				others[fmt.Sprintf("%s: %s", s.name, s.reason)] = true
				continue
			}
			counts[key{s.server, s.pkg}]++
			total++
		}
	}
	if total > 0 {
		r.say("skipped, because SKIP_SERVERS=1: %d", total)
		keys := slices.SortedFunc(maps.Keys(counts), func(a, b key) int {
			return strings.Compare(a.server+" "+a.pkg, b.server+" "+b.pkg)
		})
		table := tabwriter.NewWriter(r.stdout, 0, 0, 2, ' ', 0)
		for _, k := range keys {
			fmt.Fprintf(table, "  %s\t%d\t%s\n", k.server, counts[k], k.pkg)
		}
		table.Flush()
	}
	if len(others) > 0 {
		r.say("skipped for other reasons: %d", len(others))
		for _, line := range slices.Sorted(maps.Keys(others)) {
			fmt.Fprintf(r.stdout, "  %s\n", line)
		}
	}
}
