#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
#
# window.sh [moved] - where the areas lie, and what else may lie there
#
# With the registry that is there, whose window is at its usual place. "moved":
# it is at 0x300000000000 instead. Natively a second agnocastd makes such a one;
# in the VM tests/vm/run.sh loads the module anew for it.

# shellcheck disable=SC2015 # ok() never fails
set -u
programs=$BUILD/tests/integration
moved=0x300000000000
work=$(mktemp -d)
daemon=
trap '[ -z "$daemon" ] || { kill $daemon; wait $daemon; }; rm -rf "$work"' EXIT
export MEMPOOL_SIZE=4M
passed=0 failed=0

ok() { echo "ok $1"; passed=$((passed + 1)); }
not_ok() { echo "not ok $1: $2"; failed=$((failed + 1)); }

# says NAME PATTERN COMMAND... - the first line of output must match
says()
{
	local name=$1 pattern=$2 line
	shift 2
	line=$("$@" 2>&1 | head -n 1)
	if [[ $line =~ $pattern ]]; then ok "$name"; else not_ok "$name" "$line"; fi
}

# joins COMMAND... - with our heap; prints status and reason
joins() { LD_PRELOAD=$AGNOCAST_LIB "$@"; }

# leaves_nothing NAME COMMAND... - no shared memory is left of it, which could not join
leaves_nothing()
{
	local name=$1 pid
	shift
	# shellcheck disable=SC2016 # its own pid
	pid=$(sh -c 'echo $$; LD_PRELOAD=$AGNOCAST_LIB exec "$@" >/dev/null 2>&1' sh "$@" | head -n 1)
	[ ! -e "/dev/shm/agnocast@$pid" ] && ok "$name" || not_ok "$name" "$(ls -l /dev/shm)"
}

# flows NAME COMMAND... - a message goes from one process to another, both run by COMMAND
flows()
{
	local name=$1
	shift
	"$@" "$programs/heap_guest" all "" >"$work/out" 2>&1 &&
		grep -q '^ok another_process_reads_it' "$work/out" && ok "$name" ||
		not_ok "$name" "$(grep -m 1 -v '^ok ' "$work/out")"
}

unlimited() { bash -c 'ulimit -s unlimited && exec "$@"' - "$@"; }

# In each layout that the kernel knows of.
layouts()
{
	says "$1joins" '^0 $' joins "$programs/heap_join"
	says "$1joins_with_unlimited_stack" '^0 $' unlimited env LD_PRELOAD="$AGNOCAST_LIB" \
		"$programs/heap_join"
	says "$1joins_in_the_legacy_layout" '^0 $' setarch -L env LD_PRELOAD="$AGNOCAST_LIB" \
		"$programs/heap_join"
	says "$1joins_without_randomisation" '^0 $' setarch -R env LD_PRELOAD="$AGNOCAST_LIB" \
		"$programs/heap_join"
	flows "$1messages" env
	flows "$1messages_with_unlimited_stack" unlimited
	flows "$1messages_in_the_legacy_layout" setarch -L
}

usual()
{
	layouts ""
	# The program lies where our areas are: named, with the remedy; else undisturbed.
	says program_in_the_window_is_named \
		'^-17 .*heap_join_at lies at 0x180000000000-.*--window-base, or .*window_base' \
		joins "$programs/heap_join_at"
	leaves_nothing it_leaves_nothing "$programs/heap_join_at"
	AGNOCAST_STRICT=1 says strict_names_it_too '^agnocast: .*heap_join_at lies at' \
		joins "$programs/heap_join_at"
	AGNOCAST_STRICT=1 leaves_nothing strict_leaves_nothing "$programs/heap_join_at"
}

elsewhere()
{
	layouts moved_
	says moved_window_lets_it_join '^0 $' joins "$programs/heap_join_at"
}

start_daemon()
{
	export AGNOCAST_REGISTRY=unix:$work/socket
	"$BUILD/tools/agnocastd" --socket "$work/socket" --window-base $moved &
	daemon=$!
	for _ in $(seq 200); do [ -S "$work/socket" ] && break; sleep 0.05; done
}

[ "${1:-}" = moved ] || usual
[ -n "${AGNOCAST_VM:-}" ] || start_daemon
if [ -n "$daemon" ] || [ "${1:-}" = moved ]; then elsewhere; fi

echo "$passed passed, $failed failed"
[ $failed -eq 0 ]
