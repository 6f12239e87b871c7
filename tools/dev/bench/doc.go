// Package bench measures the linter and the registry as their users run them,
// as built programs over generated trees, compared with an alternative: go vet
// for the linter, ripgrep for search. Both run one after the other in the same
// go test, on the same files, and the alternative reports its time as a
// multiple:
//
//	go test -run='^$' -bench=. -benchtime=1x ./tools/dev/bench
//
// The trees are written by gentree, once a run, to a temporary folder or, where
// BENCH_TREES names a folder, to that one for the next run. BENCH_UNITS caps
// how many units they have (10,000 for the linter and a cold start, 100,000 for
// the registry). docs/benchmarks.md has the figures. Process memory is read
// from /proc: Linux only.
//
// Wall time is what users wait for, and CPU time (user and system, children
// included) what a busy machine leaves comparable.
package bench
