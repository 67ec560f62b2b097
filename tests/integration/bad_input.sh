#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
#
# bad_input.sh - wrong values, missing parts: a clear error, no crash, no hang
#
# Each error must name the value and a remedy. Bystanders must not notice.

set -u
here=$(cd "$(dirname "$0")" && pwd)
BUILD=${BUILD:-$(cd "$here/../../build" && pwd)}
AGENT=${AGENT:-$BUILD/tests/integration/agent}
AGNOCAST_LIB=${AGNOCAST_LIB:-$BUILD/lib/libagnocast.so}
passed=0 failed=0
tmp=$(mktemp -d)
daemon=
trap '[ -z "$daemon" ] || kill -9 $daemon 2>/dev/null; rm -rf "$tmp"' EXIT

ok() { echo "ok $1"; passed=$((passed + 1)); }
not_ok() { echo "not ok $1: $2"; failed=$((failed + 1)); }

# expect NAME PATTERN TEXT - TEXT must match the extended regular expression
expect()
{
	if printf '%s' "$3" | grep -qE -- "$2"; then ok "$1"; else not_ok "$1" "got '$3'"; fi
}

# status - what an agent says of itself; the environment is the caller's
status() { echo status | timeout 20 "$AGENT"; }

unset MEMPOOL_SIZE
expect mempool_size_unset '^-22 MEMPOOL_SIZE is not set: .*MEMPOOL_SIZE=64M' "$(status)"
export MEMPOOL_SIZE
MEMPOOL_SIZE=
expect mempool_size_empty '^-22 MEMPOOL_SIZE is empty' "$(status)"
MEMPOOL_SIZE=abc
expect mempool_size_no_number '^-22 MEMPOOL_SIZE="abc" is not a number: give' "$(status)"
MEMPOOL_SIZE=10Q
expect mempool_size_bad_suffix '^-22 MEMPOOL_SIZE="10Q" .*k, M or G' "$(status)"
MEMPOOL_SIZE=0
expect mempool_size_zero '^-22 MEMPOOL_SIZE=0 .*more than 0' "$(status)"
MEMPOOL_SIZE=-1
expect mempool_size_negative '^-22 MEMPOOL_SIZE=-1 is negative' "$(status)"
MEMPOOL_SIZE=99999999G
expect mempool_size_beyond_the_area '^-[0-9]+ MEMPOOL_SIZE.*99999999G.*' "$(status)"
MEMPOOL_SIZE=1
expect mempool_size_is_rounded_up '^0' "$(status)"
MEMPOOL_SIZE=1M

# A bystander with a bad value runs as if nothing were there.
for value in abc 0 99999999G; do
	out=$(MEMPOOL_SIZE=$value LD_PRELOAD=$AGNOCAST_LIB /bin/echo hello 2>&1)
	expect "bystander_is_silent_with_$value" '^hello$' "$out"
done
out=$(AGNOCAST_REGISTRY=unix:/nonexistent LD_PRELOAD=$AGNOCAST_LIB /bin/echo hello 2>&1)
expect bystander_is_silent_without_registry '^hello$' "$out"
out=$(AGNOCAST_STRICT=1 MEMPOOL_SIZE=abc LD_PRELOAD=$AGNOCAST_LIB /bin/echo hello 2>&1)
code=$?
expect strict_is_fatal 'MEMPOOL_SIZE="abc"' "$out"
[ $code -ne 0 ] && ok strict_exits || not_ok strict_exits "status $code"

out=$(AGNOCAST_REGISTRY=unix:/nonexistent status)
expect no_registry '^-2 .*unix:/nonexistent.*agnocastd' "$out"
out=$(echo 'pub 0 /a 1 0' | AGENT_LOG=1 AGNOCAST_REGISTRY=unix:/nonexistent timeout 20 "$AGENT" 2>&1)
expect no_registry_is_said_at_the_first_call 'agnocast: .*unix:/nonexistent' "$out"

# /dev/shm too small for what was promised: both sizes.
out=$(printf 'pub 0 /a 1 0\n' | MEMPOOL_SIZE=14G AGENT_LOG=1 timeout 20 unshare -m sh -c \
	"mount -t tmpfs -o size=8M shm /dev/shm && exec $AGENT" 2>&1)
expect shm_too_small '15032422400 .*/dev/shm has only [0-9]+ bytes' "$out"
expect shm_too_small_is_enospc '^-28$' "$(printf '%s\n' "$out" | tail -n 1)"

out=$("$BUILD/examples/lidar_driver" --pcd "$tmp/missing.pcd" 2>&1)
code=$?
expect missing_pcd "$tmp/missing.pcd" "$out"
[ $code -ne 0 ] && ok missing_pcd_fails || not_ok missing_pcd_fails "status $code"
head -c 300 /dev/urandom >"$tmp/noise.pcd"
out=$("$BUILD/examples/lidar_driver" --pcd "$tmp/noise.pcd" 2>&1)
expect noise_is_no_pcd "$tmp/noise.pcd" "$out"

# The registry dies while two agents talk.
socket=$tmp/agnocastd.sock
"$BUILD/tools/agnocastd" --socket "$socket" 2>/dev/null &
daemon=$!
for _ in $(seq 100); do [ -S "$socket" ] && break; sleep 0.05; done
export AGNOCAST_REGISTRY=unix:$socket
mkfifo "$tmp/p.in" "$tmp/p.out" "$tmp/s.in" "$tmp/s.out"
"$AGENT" <"$tmp/p.in" >"$tmp/p.out" 2>/dev/null & pub=$!
"$AGENT" <"$tmp/s.in" >"$tmp/s.out" 2>/dev/null & sub=$!
exec 7>"$tmp/p.in" 8<"$tmp/p.out" 9>"$tmp/s.in" 6<"$tmp/s.out"
# say FD_OUT FD_IN COMMAND - one command to an agent; its answer
say() { printf '%s\n' "$3" >&"$1"; read -r -t 20 answer <&"$2"; printf '%s' "$answer"; }
expect before_the_registry_dies '^0$' "$(say 7 8 'pub 0 /a 4 0')"
expect before_the_registry_dies_too '^0$' "$(say 9 6 'sub 0 /a 4 0')"
say 7 8 'publish 0 1 1' >/dev/null
expect a_message_before '^1 1$' "$(say 9 6 'take 0 5000 0')"
kill -9 $daemon; wait $daemon 2>/dev/null; daemon=
say 7 8 'publish 0 2 1' >/dev/null
expect a_message_after '^2 2$' "$(say 9 6 'take 0 5000 0')"
expect a_new_endpoint_fails_clearly '^-[0-9]+$' "$(say 7 8 'pub 1 /b 1 0')"
expect a_new_process_fails_clearly "^-[0-9]+ .*$socket" "$(status)"
say 7 8 'publish 0 3 100' >/dev/null
expect messages_go_on '^4 99 102 1$' "$(say 9 6 'drain 0')"
echo quit >&7
echo quit >&9
wait $pub $sub

echo "$passed passed, $failed failed"
[ $failed -eq 0 ]
