#!/bin/sh
# Runs every fuzz test of every module for $1, a time or a number of inputs (500x). A failing input is kept by go test
# under the package's testdata/fuzz.
set -eu
for dir in $(go list -f '{{.Dir}}' work); do
	for name in $(cat "$dir"/*_test.go 2>/dev/null | sed -n 's/^func \(Fuzz[A-Za-z0-9_]*\)(.*/\1/p'); do
		echo "fuzz $dir $name"
		go test -run='^$' -fuzz="^$name\$" -fuzztime="$1" -fuzzminimizetime=10x "$dir"
	done
done
