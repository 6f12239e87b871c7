#!/bin/sh
# Gets the modules that the workspace, its tests and its tools need and that are not in the module cache yet. What the
# go command says is shown if it fails.
set -eu
said=$(mktemp)
trap 'rm -f "$said"' EXIT
echo "looking for modules to download"

get() {
	go list -deps -test "$@" >/dev/null 2>"$said" || { cat "$said" >&2; exit 1; }
}

get work
for dir in $(go list -m -f '{{.Dir}}'); do # each alone, too: it may need other versions
	(cd "$dir" && GOWORK=off && export GOWORK && get ./... tool)
done
