#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
#
# restart.sh - agnocastd dies and comes back; its participants carry on
#
# Held messages stay intact, unread ones are delivered, new peers find the old
# ones, nobody gets an address that is in use, names of those who died
# meanwhile are removed.

set -u
if [ -n "${AGNOCAST_VM:-}" ]; then
	echo "skip restart: agnocastd only, the same natively"
	echo "0 passed, 0 failed, 1 skipped"
	exit 0
fi
here=$(cd "$(dirname "$0")" && pwd)
BUILD=${BUILD:-$(cd "$here/../../build" && pwd)}
AGENT=${AGENT:-$BUILD/tests/integration/agent}
export MEMPOOL_SIZE=16M
passed=0 failed=0
tmp=$(mktemp -d)
export AGNOCAST_REGISTRY=unix:$tmp/agnocastd.sock
daemon=
trap '[ -z "$daemon" ] || kill -9 $daemon 2>/dev/null; rm -rf "$tmp"' EXIT

ok() { echo "ok $1"; passed=$((passed + 1)); }
not_ok() { echo "not ok $1: $2"; failed=$((failed + 1)); }
expect() { [ "$2" = "$3" ] && ok "$1" || not_ok "$1" "got '$3', wanted '$2'"; }

start_daemon()
{
	"$BUILD/tools/agnocastd" --socket "$tmp/agnocastd.sock" &
	daemon=$!
	for _ in $(seq 100); do [ -S "$tmp/agnocastd.sock" ] && break; sleep 0.02; done
}

stop_daemon() { kill -9 $daemon; wait $daemon; daemon=; rm -f "$tmp/agnocastd.sock"; }

# agent NAME FD_IN FD_OUT - starts one; commands go to FD_IN, answers come from FD_OUT
agent()
{
	mkfifo "$tmp/$1.in" "$tmp/$1.out"
	AGENT_LOG=1 "$AGENT" <"$tmp/$1.in" >"$tmp/$1.out" 2>"$tmp/$1.err" &
	eval "$1=$!; exec $2>'$tmp/$1.in' $3<'$tmp/$1.out'"
}

say() { printf '%s\n' "$3" >&"$1"; read -r -t 20 answer <&"$2"; printf '%s' "$answer"; }

# until NAME FD_IN FD_OUT COMMAND ANSWER - within 5 s
until_says()
{
	local got
	for _ in $(seq 100); do
		got=$(say "$2" "$3" "$4")
		# Of pub_stats the last number counts wakes, which depend on luck.
		case $4 in pub_stats*) got=${got% *} ;; esac
		[ "$got" = "$5" ] && break
		sleep 0.05
	done
	expect "$1" "$5" "$got"
}

start_daemon
# A stream that nothing of all this may interrupt.
mkfifo "$tmp/flow.in" "$tmp/flow.out" "$tmp/source.in"
"$BUILD/tests/integration/flow" sub /flow <"$tmp/flow.in" >"$tmp/flow.out" &
exec 31>"$tmp/flow.in" 32<"$tmp/flow.out"
"$BUILD/tests/integration/flow" pub /flow 1000 <"$tmp/source.in" &
exec 33>"$tmp/source.in"
flow() { echo >&31; read -r -t 20 taken missing broken gap latency <&32; }
for _ in $(seq 200); do flow; [ "${taken:-0}" -gt 100 ] && break; sleep 0.05; done

agent pub 11 12
agent sub 13 14
agent dies 15 16
expect a_publisher 0 "$(say 11 12 'pub 0 /a 8 0')"
expect a_subscription 0 "$(say 13 14 'sub 0 /a 8 0')"
expect one_that_will_die 0 "$(say 15 16 'sub 0 /a 8 0')"
say 11 12 'publish 0 1 4' >/dev/null
expect holds_a_message '1 1' "$(say 13 14 'take 0 5000 0')"
until_says all_reached 11 12 'pub_stats 0' '0 4 4 2 0'

stop_daemon
kill -9 "$dies"; wait "$dies" 2>/dev/null
say 11 12 'publish 0 5 4' >/dev/null
expect messages_while_it_is_away '2 2' "$(say 13 14 'take 0 5000 0')"
expect held_while_it_is_away '2 of 2' "$(say 13 14 'hold_check')"
start=$EPOCHREALTIME
start_daemon
# The publisher forgets the dead one when all who live are registered again.
until_says the_dead_subscription_is_gone 11 12 'pub_stats 0' '0 8 8 1 0'
took=$(awk "BEGIN { print int(($EPOCHREALTIME - $start) * 1000) }")
echo "# all are registered again $took ms after the start of agnocastd"
[ "$took" -lt 1000 ] && ok together_again_within_a_second ||
	not_ok together_again_within_a_second "$took ms"
[ ! -e "/dev/shm/agnocast@$dies" ] && ok names_of_the_dead_are_gone || not_ok names_of_the_dead_are_gone "still there"

# Nothing held was reclaimed, nothing unread was lost.
say 11 12 'publish 0 9 20' >/dev/null
expect held_afterwards '2 of 2' "$(say 13 14 'hold_check')"
expect the_newest_are_read '8 21 28 1' "$(say 13 14 'drain 0')"
say 13 14 'release_all' >/dev/null
say 11 12 'publish 0 29 1' >/dev/null
until_says all_but_the_kept_are_destroyed 11 12 'destroyed' '21 231'

# New peers find the old ones, at addresses of their own.
agent new 17 18
expect a_new_subscription 0 "$(say 17 18 'sub 0 /a 8 0')"
expect a_new_publisher 0 "$(say 17 18 'pub 0 /b 8 0')"
expect the_old_one_subscribes 0 "$(say 11 12 'sub 0 /b 8 0')"
say 11 12 'publish 0 30 1' >/dev/null
say 17 18 'publish 0 100 1' >/dev/null
expect old_to_new '30 30' "$(say 17 18 'take 0 5000 0')"
expect new_to_old '100 1' "$(say 11 12 'take 0 5000 0')"
if [ -x "$BUILD/cli/agnocast-top" ]; then
	bases=$("$BUILD/cli/agnocast-top" -b -n 1 -d 0.2 -j --no-bpf |
		jq -r '.procs[].base | values' | sort | uniq -d | wc -l)
	expect no_two_have_one_address 0 "$bases"
fi

# Once more, now that some are old twice.
stop_daemon
start_daemon
say 11 12 'publish 0 31 1' >/dev/null
expect a_second_restart '31 31' "$(say 17 18 'take 0 5000 0')"
agent last 19 20
for _ in $(seq 100); do
	[ "$(say 19 20 'sub 0 /a 8 0')" = 0 ] && break
	sleep 0.05
done
until_says the_last_hears_the_first 19 20 'stats 0' '0 0 0 0 0 1'
say 11 12 'publish 0 32 1' >/dev/null
expect and_gets_its_messages '32 32' "$(say 19 20 'take 0 5000 0')"

# The host closes our descriptors: the registry is the same, nothing is to be said again.
say 11 12 'closefds' >/dev/null
say 11 12 'publish 0 33 1' >/dev/null
expect messages_without_descriptors '33 33' "$(say 19 20 'take 0 5000 0')"
# The library looks twice a second, and ten times a second once it is parted.
say 19 20 'take 0 1500 0' >/dev/null
until_says a_new_endpoint_without_descriptors 11 12 'pub 1 /late 8 0' 0
grep -q 'topic ' "$tmp/pub.err" && not_ok no_complaints "$(tail -n 1 "$tmp/pub.err")" || ok no_complaints

# Withdrawn with unread messages: their reader dies while there is no registry.
agent leaves 21 22
agent stays 23 24
agent goes 25 26
say 21 22 'pub 0 /w 8 0' >/dev/null
say 23 24 'sub 0 /w 8 0' >/dev/null
say 25 26 'sub 0 /w 8 0' >/dev/null
say 21 22 'publish 0 1 3' >/dev/null
expect held_by_one_that_stays '1 1' "$(say 23 24 'take 0 5000 0')"
expect held_by_one_that_goes '1 1' "$(say 25 26 'take 0 5000 0')"
say 21 22 'unpub 0' >/dev/null
stop_daemon
kill -9 "$goes"; wait "$goes" 2>/dev/null
start_daemon
until_says joined_again 17 18 'sub 1 /w 8 0' 0
expect the_withdrawn_is_drained '2 2 3 1' "$(say 23 24 'drain 0')"
until_says what_is_held_is_kept 21 22 'destroyed' '2 5'
expect and_intact '1 of 1' "$(say 23 24 'hold_check')"
say 23 24 'release_all' >/dev/null
until_says and_the_rest_is_destroyed 21 22 'destroyed' '3 6'

# Withdrawn, and nobody is left who had its topic.
say 21 22 'pub 1 /x 8 0' >/dev/null
agent lone 27 28
say 27 28 'sub 0 /x 8 0' >/dev/null
say 21 22 'publish 1 7 1' >/dev/null
taken=$(say 27 28 'take 0 5000 0')
expect held_by_the_only_one 7 "${taken% *}"
say 21 22 'unpub 1' >/dev/null
stop_daemon
kill -9 "$lone"; wait "$lone" 2>/dev/null
start_daemon
until_says nobody_is_left 21 22 'destroyed' '4 13'
for fd in 21 23; do echo quit >&$fd; done
wait "$leaves" "$stays"

# A publisher that cannot map its subscription, which the new registry cannot know.
agent blind 35 36
agent barred 37 38
say 35 36 'pub 0 /n 8 0' >/dev/null
say 35 36 'nofile 3' >/dev/null
expect subscribes_to_a_blind_one 0 "$(say 37 38 'sub 0 /n 8 0')"
expect hears_of_it -111 "$(say 37 38 'take 0 10000 0')"
stop_daemon
start_daemon
expect the_blind_goes_on 0 "$(say 35 36 'publish 0 1 50')"
expect and_is_not_read -11 "$(say 37 38 'take 0 300 0')"
# With descriptors to spare it finds the registry, and its subscription.
say 35 36 'nofile 1024' >/dev/null
until_says read_again 37 38 'barred 0' 0
until_says and_seen 35 36 'pub_stats 0' '0 50 8 1 0'
say 37 38 'drain 0' >/dev/null
say 35 36 'publish 0 500 1' >/dev/null
expect message_after_that '500 51' "$(say 37 38 'take 0 5000 0')"
for fd in 35 37; do echo quit >&$fd; done
wait "$blind" "$barred"

# Who sleeps on a bell: an old one rung by an old one all the time, by a new one afterwards.
descriptors=$BUILD/tests/integration/descriptors
for mode in descriptor waitset; do
	"$descriptors" --echo $mode &
	echoes="${echoes:-} $!"
	mkfifo "$tmp/$mode.in"
	"$descriptors" --trips $mode <"$tmp/$mode.in" >"$tmp/$mode.out" &
	eval "$mode=$!"
done
exec 41>"$tmp/descriptor.in" 42>"$tmp/waitset.in"
for _ in 1 2 3; do
	sleep 0.3
	stop_daemon
	sleep 0.3
	start_daemon
done
for mode in descriptor waitset; do
	[ $mode = descriptor ] && echo >&41 || echo >&42
	wait "${!mode}" && ok "bells_ring_over_three_restarts ($(cat "$tmp/$mode.out"))" ||
		not_ok bells_ring_over_three_restarts "$mode: $(cat "$tmp/$mode.out")"
	for _ in $(seq 100); do
		said=$(echo | "$descriptors" --trips $mode 2>/dev/null) && break
		sleep 0.05
	done && ok "a_new_publisher_rings_an_old_bell ($said)" ||
		not_ok a_new_publisher_rings_an_old_bell "$mode: $said"
done
exec 41>&- 42>&-
kill $echoes

flow
echo "# the stream: $taken messages over eight restarts, worst gap $gap us"
expect the_stream_lost_nothing '0 0' "$missing $broken"
before=$taken
for _ in $(seq 100); do flow; [ "$taken" -gt "$before" ] && break; sleep 0.05; done
[ "$taken" -gt "$before" ] && ok the_stream_flows_on || not_ok the_stream_flows_on "$taken"
exec 31>&- 33>&-

for fd in 11 13 17 19; do echo quit >&$fd; done
wait "$pub" "$sub" "$new" "$last"
for pid in "$pub" "$sub" "$new" "$last"; do
	[ ! -e "/dev/shm/agnocast@$pid" ] || not_ok nothing_left "agnocast@$pid"
done

echo "$passed passed, $failed failed"
[ $failed -eq 0 ]
