#!/bin/sh
# Sees that the Debian packages named as arguments are there: their commands carry the packages' names, but for ripgrep.
set -eu
missing=
for package in "$@"; do
	command=$package
	[ "$package" = ripgrep ] && command=rg
	command -v "$command" >/dev/null 2>&1 || missing="$missing $package"
done
[ -n "$missing" ] || exit 0
if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1; then
	echo "installing$missing"
	apt-get update -qq
	# shellcheck disable=SC2086 # one word a package
	DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $missing >/dev/null
	exit 0
fi
echo "the tests need these programs:$missing" >&2
echo "hint: install them with your package manager, then run the same target again" >&2
exit 1
