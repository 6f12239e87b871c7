#!/bin/sh
# Runs a command as an ordinary user (TEST_USER, default fnregistry) in a copy of the current folder (below TEST_COPIES,
# default /var/cache/fnregistry-src), as root on Debian.
#
#	sh tools/dev/as_user.sh make test
#
# The user, who is made if missing, has no rights but over its own home. Modules come from root's cache, which it reads
# as a module proxy, and the homeservers that root has built or installed are copied into its cache. Those files stay
# for the next run, and the copy of the folder goes. The copy has the same path each time, since the go command's build
# cache knows a package by its folder; where another run has that path, it has one of its own.
set -eu
user=${TEST_USER:-fnregistry}
if [ "$(id -u)" != 0 ] || [ $# = 0 ]; then
	echo "usage, as root: as_user.sh COMMAND [ARGUMENT ...]" >&2
	exit 2
fi
id "$user" >/dev/null 2>&1 || useradd --create-home --shell /bin/sh "$user"
home=$(getent passwd "$user" | cut -d: -f6)
path=$(dirname "$(command -v go)"):/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
if ! runuser -u "$user" -- sh -c "cd / && PATH='$path' && go version >/dev/null && gcc --version >/dev/null"; then
	echo "as_user.sh: $user can't run go and gcc from $path" >&2
	exit 2
fi
PATH=$path sh tools/dev/deps.sh python3-venv # for Synapse; root may have another Python in its PATH

# Modules: hard links, which take no room, where root's cache and the home share a file system. The files stay root's
# and read-only. What a copy has already is left as it is.
cache=$(go env GOMODCACHE)/cache/download
modules=/var/cache/fnregistry-modules
mkdir -p "$modules"
cp -aln "$cache/." "$modules/" 2>/dev/null || cp -an "$cache/." "$modules/"

# Homeservers: copies, since the user is to own what it runs. Their names hold a hash of what they are made of.
mine=${XDG_CACHE_HOME:-$HOME/.cache}/testenv
theirs=$home/.cache/testenv
runuser -u "$user" -- mkdir -p "$theirs"
for dir in "$mine"/dendrite-* "$mine"/synapse-*; do
	name=$(basename "$dir")
	case $name in *.new | *\**) continue ;; esac
	[ ! -d "$theirs/$name" ] || continue
	copy=$(mktemp -d "$theirs/copy.XXXXXX")
	cp -a "$dir/." "$copy/"
	chown -R "$user:" "$copy"
	chmod 755 "$copy"
	mv "$copy" "$theirs/$name"
done

# Not in the user's home, where it could put a link in the copy's place.
copies=${TEST_COPIES:-/var/cache/fnregistry-src}
mkdir -p "$copies"
exec 9>"$copies/lock"
if flock -n 9; then
	src=$copies/src
	rm -rf "$src"
	mkdir "$src"
else
	src=$(mktemp -d "$copies/src.XXXXXX")
	chmod 755 "$src"
fi
trap 'rm -rf "$src"' EXIT
trap 'exit 129' HUP
trap 'exit 130' INT
trap 'exit 143' TERM
tar -cf - --exclude=./bin . | tar -xf - -C "$src"
chown -R "$user:" "$src"
cd "$src"
# A shell that waits for a command in the foreground takes no signal, so this one waits for it in the background, and
# passes on what it gets. Ctrl-C is a SIGTERM for the command, since what runs in the background ignores SIGINT.
setpriv --reuid="$user" --regid="$(id -g "$user")" --init-groups \
	env -u MAKEFLAGS -u MAKELEVEL -u MFLAGS -u GOPATH -u GOBIN -u GOENV -u GOMODCACHE -u GOCACHE \
	-u XDG_CACHE_HOME -u XDG_CONFIG_HOME -u XDG_DATA_HOME -u XDG_RUNTIME_DIR -u TMPDIR -u DBUS_SESSION_BUS_ADDRESS \
	HOME="$home" USER="$user" LOGNAME="$user" PATH="$path" GOPROXY="file://$modules,$(go env GOPROXY)" "$@" 9>&- &
pid=$!
stop() {
	trap '' HUP INT TERM
	kill -TERM "$pid" 2>/dev/null || :
	wait "$pid" || :
	exit "$1"
}
trap 'stop 129' HUP
trap 'stop 130' INT
trap 'stop 143' TERM
wait "$pid"
