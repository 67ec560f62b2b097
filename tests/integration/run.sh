#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
#
# run.sh - every integration test against the registry that is there
#
# Runs natively (native.sh starts agnocastd and sets AGNOCAST_REGISTRY) and in
# the VM (/dev/agnocast), the same programs. Each test says ok, not ok or skip
# and ends with its numbers; the last line adds them up.

set -u
here=$(cd "$(dirname "$0")" && pwd)
export BUILD=${BUILD:-$(cd "$here/../../build" && pwd)}
export AGNOCAST_LIB=$BUILD/lib/libagnocast.so
export AGENT=$BUILD/tests/integration/agent
log=$(mktemp)
trap 'rm -f "$log"' EXIT
passed=0 failed=0 skipped=0

# add - add up the last line of the test that just ran; $1 its name, $2 its status
add()
{
	local sum
	sum=$(grep -aE '^[0-9]+ passed, [0-9]+ failed' "$log" | tail -n 1)
	if [ -z "$sum" ]; then
		echo "not ok $1: no result, status $2"
		sum="0 passed, 1 failed"
	fi
	[ "$2" -eq 0 ] || case $sum in *" 0 failed"*) sum="0 passed, 1 failed" ;; esac
	set -- $sum
	passed=$((passed + $1)) failed=$((failed + $3)) skipped=$((skipped + ${5:-0}))
}

# run NAME COMMAND... - one test program
run()
{
	local name=$1 began=$SECONDS
	shift
	timeout "${TEST_TIMEOUT:-240}" "$@" >"$log" 2>&1
	local status=$?
	if [ $status -ne 0 ] || [ "${V:-0}" = 1 ]; then cat "$log"; else grep -aE '^(not ok|skip)' "$log"; fi
	add "$name" $status
	echo "# $name: $(grep -aE '^[0-9]+ passed' "$log" | tail -n 1) in $((SECONDS - began)) s"
}

[ "${ONLY:-messages}" != messages ] || run messages "$BUILD/tests/integration/messages"
[ "${ONLY:-blind}" != blind ] || run blind "$BUILD/tests/integration/blind"
[ "${ONLY:-scale}" != scale ] || run scale "$BUILD/tests/integration/scale"
scripts="
	node
	heap
	window
	bad_input
	syscalls
	probes
	waiting
	realtime
	restart
	deaths
	daemon
	registry
	namespaces
	headers
	install
	top
	screens
	storm
	trace
	doctor
	bpftrace
	demo
"
for script in $scripts; do
	[ "${ONLY:-$script}" = $script ] && [ -x "$here/$script.sh" ] && run $script "$here/$script.sh"
done

echo "$passed passed, $failed failed, $skipped skipped"
[ $failed -eq 0 ]
