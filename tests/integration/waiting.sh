#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
#
# waiting.sh - ways to wait: what they report, and that no wake-up is lost
#
# The stress: two processes hand a message to and fro, at random moments, each
# asleep in the same way. One lost wake-up and they stand still.

set -u
here=$(cd "$(dirname "$0")" && pwd)
BUILD=${BUILD:-$(cd "$here/../../build" && pwd)}
OUT=$BUILD/tests/integration
export AGENT=${AGENT:-$OUT/agent} MEMPOOL_SIZE=64M
passed=0 failed=0

said=$(mktemp)
for program in waiting descriptors lookout; do
	"$OUT/$program" | tee "$said"
	set -- $(tail -n 1 "$said")
	passed=$((passed + ${1:-0})) failed=$((failed + ${3:-1}))
done
rm -f "$said"

for mode in poll take spin waitset waitset-fd descriptor; do
	rounds=10000
	# Who polls has no wake-up to lose, and on a busy machine each round takes a time slice.
	[ $mode != poll ] || rounds=1000
	[ -z "${AGNOCAST_VM:-}" ] || rounds=300
	JITTER=1 "$OUT/pingpong" $mode $rounds 1 64 echo &
	if JITTER=1 timeout 100 "$OUT/pingpong" $mode $rounds 1 64 && wait $!; then
		echo "ok no_wake_up_is_lost in $rounds rounds of $mode"
		passed=$((passed + 1))
	else
		echo "not ok no_wake_up_is_lost in $rounds rounds of $mode"
		failed=$((failed + 1))
		kill $! 2>/dev/null
	fi
done

echo "$passed passed, $failed failed"
[ $failed -eq 0 ]
