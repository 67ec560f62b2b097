#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
#
# run.sh [short|long] [CASE...] - programs that know nothing of Agnocast, at work under LD_PRELOAD
#
# Each runs its work (cases.sh) twice: as it is, and with the library preloaded
# and MEMPOOL_SIZE set. Output and status must be the same, everything that it
# allocated must lie in the area, it has no thread of ours, and nothing of it is
# left. long: more programs and larger work, then three times more in turn
# (COMPAT_RUNS=3), for a table of what it costs: docs/compatibility.md says what its
# columns are.
#
# Needs BUILD. Starts an agnocastd of its own, in a mount namespace with an
# empty /dev/shm where it may.

# shellcheck disable=SC2015 # ok() never fails
set -u
here=$(cd "$(dirname "$0")" && pwd)
export BUILD=${BUILD:-$(cd "$here/../../build" && pwd)}
# shellcheck source=tests/compat/cases.sh
. "$here/cases.sh"

for built in lib/libagnocast.so tools/agnocastd tests/compat/measure tests/compat/witness.so; do
	[ -e "$BUILD/$built" ] && continue
	echo "run.sh: no $BUILD/$built: make && make -C tests/compat" >&2
	exit 2
done

if [ -z "${COMPAT_ALONE:-}" ]; then
	if unshare -m true 2>/dev/null; then
		exec unshare -m env COMPAT_ALONE=yes "$0" "$@"
	fi
	COMPAT_ALONE=no
elif [ "$COMPAT_ALONE" = yes ]; then
	mount -t tmpfs -o size=2g,mode=1777 tmpfs /dev/shm || COMPAT_ALONE=no
fi

export LC_ALL=C.UTF-8
# The distribution's programs, not what a user put before them.
export PATH=/usr/bin:/bin:/usr/sbin:/sbin:$PATH
how=${1:-short}
[ $# -eq 0 ] || shift
work=$(mktemp -d)
chmod 755 "$work"
daemon=
trap '[ -z "$daemon" ] || { kill $daemon; wait $daemon; }; rm -rf "$work"' EXIT
passed=0 failed=0 skipped=0 runs=${COMPAT_RUNS:-}
case $how in
short)	cases=$short_cases runs=${runs:-0} ;;
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
	env LD_PRELOAD="$BUILD/lib/libagnocast.so" MEMPOOL_SIZE=16M \
		AGNOCAST_REGISTRY="unix:$work/socket" "$@"
}

# watched COMMAND... - the same, with the witness behind the library
watched()
{
	WITNESS=$work/witness WITNESS_COUNT=$work/counts preloaded \
		env LD_PRELOAD="$BUILD/lib/libagnocast.so $BUILD/tests/compat/witness.so" "$@"
}

# once HOW NAME [watched|preloaded] - the work, into $work/HOW: out, status, cost
once()
{
	local dir=$work/$1
	rm -rf "$dir"
	mkdir -p "$dir/in"
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

# median FILE COLUMN
median() { cut -d ' ' -f "$2" "$1" | sort -n | sed -n "$(((runs + 1) / 2))p"; }

# row NAME - of the table, for table(): how many programs and forks a run had,
# and the medians of what measure wrote, without and with us
row()
{
	local column
	{
		printf '%s %s' "$1" "$(od -An -t u8 -N 16 "$work/counts" | awk '{ print $1, $2 }')"
		for column in 1 2 3; do
			printf ' %s %s' "$(median "$work/costs.plain" $column)" "$(median "$work/costs.ours" $column)"
		done
		echo " $(median "$work/costs.ours" 4)"
	} >>"$work/rows"
}

# What a fork and the start of a program cost is known of two rows whose
# processes do nothing else.
table()
{
	awk '
		$1 == "forks" { fork = ($5 - $4) / $3 }
		$1 == "starts" { start = ($5 - $4 - $3 * fork) / $2 }
		{ line[NR] = $0 }
		END {
			print "| work | programs + forks | CPU s, glibc | ours | ratio | less starts, forks | wall | peak MB, glibc | ours | ratio | /dev/shm MB |"
			print "| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |"
			for (i = 1; i <= NR; i++) {
				split(line[i], c, " ")
				steady = sprintf("%.2f", (c[5] - c[2] * start - c[3] * fork) / c[4])
				if (c[1] == "starts" || c[1] == "forks")
					steady = "-"
				printf "| %s | %d + %d | %.2f | %.2f | %.2f | %s | %.2f | %.0f | %.0f | %.2f | %.0f |\n",
					c[1], c[2], c[3], c[4] / 1e6, c[5] / 1e6, c[5] / c[4],
					steady, c[7] / c[6], c[8] / 1024, c[9] / 1024, c[9] / c[8], c[10] / 1024
			}
			printf "\nMore CPU for each start of a program: %.2f ms; for each fork: %.2f ms.\n",
				start / 1000, fork / 1000
		}' "$work/rows"
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
	head -c 4096 /dev/zero >"$work/counts"
	chmod 666 "$work/counts"
	: >"$work/witness"
	chmod 666 "$work/witness"
	once plain "$name"
	once ours "$name" watched
	compare "$name"
	heard "$name"
	nothing_left "$name"
	[[ " $rowless_cases " != *" $name "* ]] || return 0
	for _ in $(seq "$runs"); do
		once plain "$name"
		once ours "$name" preloaded
		cat "$work/plain/cost" >>"$work/costs.plain"
		cat "$work/ours/cost" >>"$work/costs.ours"
	done
	[ "$runs" -eq 0 ] || row "$name"
}

start_daemon
for name in $cases; do
	began=$SECONDS
	try "$name"
	[ "${V:-0}" = 0 ] || echo "# $name took $((SECONDS - began)) s"
done
kill -0 $daemon 2>/dev/null && ok agnocastd_lives || not_ok agnocastd_lives "it died"
if [ -s "$work/rows" ]; then
	table
fi
echo "$passed passed, $failed failed, $skipped skipped"
[ $failed -eq 0 ]
