#!/bin/sh
# Runs a command as a step with a name: says when it begins, that it still runs,
# and how long it took. Its exit status is the command's.
#
#	sh tools/dev/step.sh "go vet" go vet work
set -u
every=${STEP_EVERY:-15} # seconds between two lines of a step that takes long
name=$1
shift
echo "$name ..."
begun=$(date +%s)
# The sleep, which outlives this shell, keeps no pipe of it open.
(while sleep "$every" >/dev/null 2>&1; do echo "$name ... $(($(date +%s) - begun)) s"; done) &
beat=$!
trap 'kill "$beat" 2>/dev/null' EXIT
code=0
"$@" || code=$?
verdict=ok
[ "$code" = 0 ] || verdict=failed
echo "$name: $verdict, $(($(date +%s) - begun)) s"
exit "$code"
