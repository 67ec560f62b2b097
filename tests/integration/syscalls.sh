#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
#
# syscalls.sh - messages between mapped peers make no system call
#
# Reading the clock is none where the vDSO can do it; an emulated machine, whose
# TSC the kernel distrusts, makes one of it, so clock_gettime does not count.
# Counted, not timed: a run with 20,000 more messages must not make more system
# calls than one without, but for the housekeeping of the library's thread.

set -u
here=$(cd "$(dirname "$0")" && pwd)
BUILD=${BUILD:-$(cd "$here/../../build" && pwd)}
AGENT=${AGENT:-$BUILD/tests/integration/agent}
export MEMPOOL_SIZE=64M
passed=0 failed=0
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT

if ! command -v strace >/dev/null || ! strace -o /dev/null true 2>/dev/null; then
	echo "skip syscalls: strace is not installed or may not trace"
	echo "0 passed, 0 failed, 1 skipped"
	exit 0
fi

say() { printf '%s\n' "$3" >&"$1"; read -r -t 60 answer <&"$2"; printf '%s' "$answer"; }

# measure MESSAGES - leaves the calls of main threads in pub_calls, sub_calls
measure()
{
	rm -f "$tmp"/*
	mkfifo "$tmp/p.in" "$tmp/p.out" "$tmp/s.in" "$tmp/s.out"
	strace -e 'trace=!clock_gettime' -o "$tmp/pub" "$AGENT" <"$tmp/p.in" >"$tmp/p.out" &
	strace -e 'trace=!clock_gettime' -o "$tmp/sub" "$AGENT" <"$tmp/s.in" >"$tmp/s.out" &
	exec 7>"$tmp/p.in" 8<"$tmp/p.out" 9>"$tmp/s.in" 6<"$tmp/s.out"
	say 7 8 'pub 0 /a 30000 0' >/dev/null
	say 9 6 'sub 0 /a 30000 0' >/dev/null
	# Until the publisher has mapped the subscription.
	say 7 8 'publish 0 1 1' >/dev/null
	for _ in $(seq 100); do
		case $(say 7 8 'pub_stats 0') in *' 1 0 '*) break ;; esac
		sleep 0.05
	done
	echo mark >&7; read -r -t 60 _ <&8
	echo mark >&9; read -r -t 60 _ <&6
	[ "$1" -eq 0 ] || say 7 8 "publish 0 2 $1" >/dev/null
	drained=$(say 9 6 'drain 0')
	echo quit >&7
	echo quit >&9
	wait
	pub_calls=$(sed -n '/unknown command mark/,$p' "$tmp/pub" | wc -l)
	sub_calls=$(sed -n '/unknown command mark/,$p' "$tmp/sub" | wc -l)
}

# check NAME FEW MANY MAX - MANY must be at most MAX more than FEW
check()
{
	if [ $(($3 - $2)) -le "$4" ]; then
		echo "ok $1 ($2 calls, then $3)"
		passed=$((passed + 1))
	else
		echo "not ok $1: $2 calls without the messages, $3 with 20,000"
		failed=$((failed + 1))
	fi
}

measure 0
few_pub=$pub_calls few_sub=$sub_calls
measure 20000
check every_message_arrived 0 "$((20001 - ${drained%% *}))" 0
# The heap grows for 20,000 messages that are kept: a few commits.
check publish_makes_no_system_call "$few_pub" "$pub_calls" 40
check take_and_release_make_no_system_call "$few_sub" "$sub_calls" 10

echo "$passed passed, $failed failed"
[ $failed -eq 0 ]
