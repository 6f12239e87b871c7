#!/bin/sh
# Sees that the Debian packages named as arguments are there: their commands carry the packages' names, but for ripgrep
# and python3-venv, which has none.
# One with a ? behind it is installed where that is possible, and else done without: the tests that need it say so.
# What apt says is shown if it fails.
set -eu
PATH=$PATH:/usr/sbin # where Debian has servers
missing=
optional=
for package in "$@"; do
	may_lack=
	[ "$package" != "${package%\?}" ] && may_lack=1
	package=${package%\?}
	command=$package
	[ "$package" = ripgrep ] && command=rg
	if [ "$package" = python3-venv ]; then
		python3 -c 'import venv, ensurepip' 2>/dev/null || missing="$missing $package"
		continue
	fi
	command -v "$command" >/dev/null 2>&1 && continue
	if [ -n "$may_lack" ]; then optional="$optional $package"; else missing="$missing $package"; fi
done
if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1; then
	missing=$missing$optional
elif [ -n "$missing" ]; then
	echo "the tests need these programs:$missing" >&2
	echo "hint: install them with your package manager, then run the same target again" >&2
	exit 1
fi
[ -n "$missing" ] || exit 0
echo "installing$missing"
said=$(mktemp)
trap 'rm -f "$said"' EXIT

# apt runs apt-get. While another run has a lock, which is known by what apt-get says in English, it tries again, for
# ten minutes at most. (DPkg::Lock::Timeout does not hold for the lock that update takes.)
apt() {
	tries=0
	until LC_ALL=C DEBIAN_FRONTEND=noninteractive apt-get -qq "$@" >"$said" 2>&1 </dev/null; do
		tries=$((tries + 1))
		if [ "$tries" -ge 300 ] || ! grep -q -e 'Could not get lock' -e 'Unable to lock' "$said"; then
			cat "$said" >&2
			exit 1
		fi
		sleep "${DEPS_WAIT:-2}"
	done
}

apt update
# shellcheck disable=SC2086 # one word a package
apt install -y --no-install-recommends $missing
