#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
#
# run.sh [short|long] [CASE...] - programs that know nothing of Agnocast, at work under LD_PRELOAD
#
# Each runs its work (cases.sh) twice: as it is, and with the library preloaded
# and MEMPOOL_SIZE set. Output and status must be the same, everything that it
# allocated must lie in the area, it has no thread of ours, and nothing of it is
# left. long: more programs and larger work, three times in turn (COMPAT_RUNS=3), and
# a table of what it cost.
#
# Needs BUILD. Starts an agnocastd of its own, in a mount namespace with an
# empty /dev/shm where it may.

# shellcheck disable=SC2015 # ok() never fails
set -u
here=$(cd "$(dirname "$0")" && pwd)
export BUILD=${BUILD:-$(cd "$here/../../build" && pwd)}
# shellcheck source=tests/compat/cases.sh
. "$here/cases.sh"

if [ -z "${COMPAT_ALONE:-}" ]; then
	if unshare -m true 2>/dev/null; then
		exec unshare -m env COMPAT_ALONE=yes "$0" "$@"
	fi
	COMPAT_ALONE=no
elif [ "$COMPAT_ALONE" = yes ]; then
	mount -t tmpfs -o size=2g,mode=1777 tmpfs /dev/shm || COMPAT_ALONE=no
fi

export LC_ALL=C.UTF-8
how=${1:-short}
[ $# -eq 0 ] || shift
work=$(mktemp -d)
chmod 755 "$work"
daemon=
trap '[ -z "$daemon" ] || { kill $daemon; wait $daemon; }; rm -rf "$work"' EXIT
passed=0 failed=0 skipped=0 runs=${COMPAT_RUNS:-}
case $how in
short)	cases=$short_cases runs=${runs:-1} ;;
long)	cases=$long_cases runs=${runs:-3}; export LONG=yes ;;
*)	echo "usage: run.sh [short|long] [CASE...]" >&2; exit 2 ;;
esac
[ $# -eq 0 ] || cases=$*

ok() { echo "ok $1"; passed=$((passed + 1)); }
not_ok() { echo "not ok $1: $2"; failed=$((failed + 1)); }

start_daemon()
{
	"$BUILD/tools/agnocastd" --socket "$work/socket" &
	daemon=$!
	for _ in $(seq 200); do [ -S "$work/socket" ] && return; sleep 0.05; done
}

# preloaded COMMAND... - as a user would who exports it in a shell
preloaded()
{
	env LD_PRELOAD="$BUILD/lib/libagnocast.so $BUILD/tests/compat/witness.so" \
		MEMPOOL_SIZE=16M AGNOCAST_REGISTRY="unix:$work/socket" WITNESS="$work/witness" "$@"
}

# once HOW NAME - the work, into $work/HOW: out, status, cost
once()
{
	local dir=$work/$1
	rm -rf "$dir"
	mkdir -p "$dir/in"
	[ "$1" = plain ] || set -- "$@" preloaded
	(cd "$dir/in" && ${3:-} "$BUILD/tests/compat/measure" "$dir/cost" timeout "${COMPAT_TIMEOUT:-300}" \
		bash -c ". '$here/cases.sh'; case_$2") >"$dir/out" 2>&1 </dev/null
	echo $? >"$dir/status"
	# Where the work was done is no difference.
	sed -i "s,$dir,.,g" "$dir/out"
}

# Whose processes are there, that were preloaded? Each line of the witness.
heard()
{
	local name=$1 bad
	if [ ! -s "$work/witness" ]; then
		not_ok "$name.heap" "no process said anything"
		return
	fi
	# pid name status in libc threads; a forked child that ends by exit() is -ECHILD
	bad=$(awk '($3 != 0 && $3 != -10) || !$4 || $5 > 16384 || $6' "$work/witness" | sort -u -k2,2 | head -n 3)
	[ -z "$bad" ] && ok "$name.heap" ||
		not_ok "$name.heap" "pid, name, status, in area, bytes of libc, threads: $bad"
}

# A process that was killed leaves a name for a moment.
nothing_left()
{
	if [ "$COMPAT_ALONE" != yes ]; then
		echo "skip $1.leaves_nothing: may not have a /dev/shm of its own"
		skipped=$((skipped + 1))
		return
	fi
	for _ in $(seq 100); do
		[ -n "$(find /dev/shm -name 'agnocast@*' -print -quit)" ] || { ok "$1.leaves_nothing"; return; }
		sleep 0.05
	done
	not_ok "$1.leaves_nothing" "$(ls /dev/shm)"
	rm -f /dev/shm/agnocast@*
}

# compare NAME
compare()
{
	local plain with
	plain=$(cat "$work/plain/status") with=$(cat "$work/ours/status")
	if [ "$plain" != "$with" ]; then
		not_ok "$1" "status $with, without us $plain; $(tail -n 1 "$work/ours/out")"
	elif ! cmp -s "$work/plain/out" "$work/ours/out"; then
		not_ok "$1" "$(diff "$work/plain/out" "$work/ours/out" | sed -n 2,4p | tr '\n' ' ')"
	elif grep -q '^broken' "$work/plain/out"; then
		not_ok "$1" "$(grep -m 1 '^broken' "$work/plain/out")"
	elif [ "$plain" -ge 124 ]; then
		not_ok "$1" "status $plain both ways; $(tail -n 1 "$work/plain/out")"
	else
		ok "$1"
	fi
}

median() { sort -n | sed -n "$(((runs + 1) / 2))p"; }

# row NAME - of the table: medians, and the ratios to the run without us
row()
{
	local cpu_plain cpu_ours peak_plain peak_ours
	cpu_plain=$(cut -d ' ' -f 1 "$work/costs.plain" | median)
	cpu_ours=$(cut -d ' ' -f 1 "$work/costs.ours" | median)
	peak_plain=$(cut -d ' ' -f 2 "$work/costs.plain" | median)
	peak_ours=$(cut -d ' ' -f 2 "$work/costs.ours" | median)
	awk -v name="$1" -v a="$cpu_plain" -v b="$cpu_ours" -v c="$peak_plain" -v d="$peak_ours" 'BEGIN {
		printf "| %s | %.2f | %.2f | %.2f | %.0f | %.0f | %.2f |\n", name, a / 1000, b / 1000,
			a ? b / a : 1, c / 1024, d / 1024, c ? d / c : 1 }' >>"$work/table"
}

# try NAME - one case, all of it
try()
{
	local name=$1 needs=needs_$1 command
	for command in ${!needs-}; do
		command -v "$command" >/dev/null 2>&1 && continue
		echo "skip $name: no $command here"
		skipped=$((skipped + 1))
		return
	done
	: >"$work/costs.plain"
	: >"$work/costs.ours"
	: >"$work/witness"
	chmod 666 "$work/witness"
	for _ in $(seq $runs); do
		once plain "$name"
		once ours "$name"
		cat "$work/plain/cost" >>"$work/costs.plain"
		cat "$work/ours/cost" >>"$work/costs.ours"
	done
	compare "$name"
	heard "$name"
	nothing_left "$name"
	row "$name"
}

start_daemon
for name in $cases; do
	began=$SECONDS
	try "$name"
	[ "${V:-0}" = 0 ] || echo "# $name took $((SECONDS - began)) s"
done
kill -0 $daemon 2>/dev/null && ok agnocastd_lives || not_ok agnocastd_lives "it died"
if [ "$runs" -gt 1 ]; then
	echo "| work | CPU s, glibc | CPU s, ours | ratio | peak MB, glibc | peak MB, ours | ratio |"
	echo "| --- | --- | --- | --- | --- | --- | --- |"
	cat "$work/table"
fi
echo "$passed passed, $failed failed, $skipped skipped"
[ $failed -eq 0 ]
