// Package bench measures the linter and the registry as their users run them,
// as built programs on generated trees, compared with an alternative: go vet
// for the linter, ripgrep for search. Both run one after the other in the same
// go test, on the same files, and the alternative reports its time as a
// multiple:
//
//	go test -run='^$' -bench=. -benchtime=1x ./tools/dev/bench
//
// gentree writes the trees, once per run, to a temporary folder or, if
// BENCH_TREES names a folder, to that one for later runs. BENCH_UNITS caps
// their number of units (10,000 for the linter and a cold start, 100,000 for
// the registry). docs/benchmarks.md has the figures. Process memory is read
// from /proc: Linux only.
// Wall time is what users wait for; CPU time (user and system, including
// children) is comparable even on a busy machine.
package bench
