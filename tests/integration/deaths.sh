#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
#
# deaths.sh - 500 participants of a topic die at once; its messages flow on
#
# A publisher and a subscription exchange 1,000 messages a second. All others
# have a subscription of the same topic, so the publisher follows every death.

set -u
here=$(cd "$(dirname "$0")" && pwd)
BUILD=${BUILD:-$(cd "$here/../../build" && pwd)}
flow=$BUILD/tests/integration/flow
count=500 hz=1000
# Emulated, everything takes 20 times as long.
[ -z "${AGNOCAST_VM:-}" ] || count=40 hz=100
# Real-time priority shows what waits for others, not what has to share a processor.
export MEMPOOL_SIZE=1M FLOW_RT=${FLOW_RT-1}
passed=0 failed=0
tmp=$(mktemp -d)
trap 'kill $(jobs -p) 2>/dev/null; rm -rf "$tmp"' EXIT

ok() { echo "ok $1"; passed=$((passed + 1)); }
not_ok() { echo "not ok $1: $2"; failed=$((failed + 1)); }
expect() { [ "$2" = "$3" ] && ok "$1" || not_ok "$1" "got '$3', wanted '$2'"; }
below() { [ "$2" -lt "$3" ] && ok "$1" || not_ok "$1" "$2, must be below $3"; }

mkfifo "$tmp"/{pub,sub,crowd}.{in,out}
"$flow" sub /deaths <"$tmp/sub.in" >"$tmp/sub.out" &
exec 11>"$tmp/sub.in" 12<"$tmp/sub.out"
"$flow" pub /deaths $hz <"$tmp/pub.in" &
exec 13>"$tmp/pub.in"
ask() { echo >&11; read -r -t 20 taken missing broken gap latency <&12; }

for _ in $(seq 200); do ask; [ "${taken:-0}" -gt 100 ] && break; sleep 0.05; done
"$flow" crowd /deaths $count <"$tmp/crowd.in" >"$tmp/crowd.out" 2>"$tmp/crowd.err" &
exec 15>"$tmp/crowd.in" 16<"$tmp/crowd.out"
read -r -t 120 word alive <&16
expect all_are_there "ready $count" "$word $alive"
ask
joining="gap $gap us, latency $latency us"
sleep 1
ask
calm="gap $gap us, latency $latency us"
before=$taken

echo >&15
read -r -t 60 word alive <&16
expect all_die_at_once "dead $count" "$word $alive"
# Until the registry has seen all of them.
for _ in $(seq 400); do
	left=$("$BUILD/tests/integration/registry_list" | awk '$1 == "topic" && $2 == "/deaths" { print $3, $4 }')
	[ "$left" = "1 1" ] && break
	sleep 0.05
done
expect the_registry_is_exact "1 1" "$left"
ask
echo "# worst while $count joined: $joining"
echo "# worst in a calm second: $calm"
echo "# worst while $count died: gap $gap us, latency $latency us"
expect no_message_is_missing "0 0" "$missing $broken"
[ "$taken" -gt "$before" ] && ok messages_flow_on || not_ok messages_flow_on "$taken, $before before"
below nobody_stalls "$gap" 500000

exec 11>&- 13>&-
wait
echo "$passed passed, $failed failed"
[ $failed -eq 0 ]
