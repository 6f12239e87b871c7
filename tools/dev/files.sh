#!/bin/sh
# Fails where a built program is committed, or a Go file is not gofmt'ed.
bad=$(git ls-files -z | xargs -0 grep -laP '^\x7fELF')
[ -z "$bad" ] || { echo "a built program is committed: $bad"; exit 1; }
bad=$(git ls-files -co --exclude-standard '*.go' | xargs gofmt -l) || exit 1
[ -z "$bad" ] || { echo "not gofmt'ed: $bad"; exit 1; }
