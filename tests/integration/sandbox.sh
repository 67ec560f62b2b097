# SPDX-License-Identifier: BSD-2-Clause
# shellcheck shell=bash
#
# sandbox.sh - a test of the tools as root in namespaces of its own; sourced first
#
# The script runs again in mount and IPC namespaces where /dev/shm and the queues
# are private: they can be made small, full and dirty. Sets $root, $BUILD, $dir,
# $agnocast (the sanitized one where it was built), $plain; kills what is named in
# $processes at the end.

root=$(cd "$here/../.." && pwd)
export BUILD=${BUILD:-$root/build}
. "$here/checks.sh"

[ "$(id -u)" = 0 ] || none "needs root"
if [ "${SANDBOX:-}" != "$0" ]; then
	unshare -m -i true 2>/dev/null || none "no namespaces of its own here"
	SANDBOX=$0 exec unshare -m -i "$0" "$@"
fi
mount --make-rprivate /
mount -t tmpfs -o mode=1777,size=512M tmpfs /dev/shm || exit 1
mkdir -p /dev/mqueue
mount -t mqueue none /dev/mqueue || exit 1
ulimit -c 0

plain=$BUILD/cli/agnocast
agnocast=${AGNOCAST:-$BUILD/cli-san/agnocast}
# An emulated machine is slow enough without sanitizers.
[ -x "$agnocast" ] && [ -z "${AGNOCAST_VM:-}" ] || agnocast=$plain
dir=$(mktemp -d)
chmod 755 "$dir"

finish()
{
	for pid in "${processes[@]}"; do
		kill -KILL "$pid" 2>/dev/null
	done
	wait 2>/dev/null
	rm -rf "$dir"
}
trap finish EXIT
