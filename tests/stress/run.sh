#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
#
# run.sh - the stress test, against agnocastd or, in the VM, the module
#
# Natively in two rounds: a steady agnocastd, then one that is killed and started
# again every few seconds.
#
#	STRESS_SECONDS=60	how long, both rounds together; in the VM 10
#	STRESS_RESTARTS=3	how often agnocastd is killed in the second, s
#	STRESS_LOG=1		show what the library logs

set -u
here=$(cd "$(dirname "$0")" && pwd)
BUILD=${BUILD:-$(cd "$here/../../build" && pwd)}
export MEMPOOL_SIZE=16M
tmp=$(mktemp -d)
# The daemon of now is whose pid stands in $tmp/pid.
trap 'kill $(jobs -p) 2>/dev/null; kill $(cat "$tmp/pid" 2>/dev/null) 2>/dev/null; rm -rf "$tmp"' EXIT

start_daemon()
{
	"$BUILD/tools/agnocastd" --socket "$tmp/socket" &
	echo $! >"$tmp/pid"
	for _ in $(seq 100); do [ -S "$tmp/socket" ] && break; sleep 0.05; done
}

restart_now_and_then()
{
	while sleep "$STRESS_RESTARTS"; do
		kill -9 "$(cat "$tmp/pid")"
		wait "$(cat "$tmp/pid")"
		sleep "0.$((RANDOM % 5))"
		start_daemon
	done 2>/dev/null
}

# Two pairs that no kill is meant for hand a message to and fro, asleep on bells
# in both ways: one lost wake-up, and a pair stands still.
start_pairs()
{
	for mode in descriptor waitset; do
		"$BUILD/tests/integration/descriptors" --echo $mode &
		echoes="${echoes:-} $!"
		mkfifo "$tmp/$mode"
		"$BUILD/tests/integration/descriptors" --trips $mode <"$tmp/$mode" >"$tmp/$mode.out" &
		pairs="${pairs:-} $!"
	done
	exec 41>"$tmp/descriptor" 42>"$tmp/waitset"
}

end_pairs()
{
	echo >&41
	echo >&42
	set -- $pairs
	for mode in descriptor waitset; do
		if wait "$1"; then
			echo "ok no_wake_up_is_lost ($(cat "$tmp/$mode.out"))"
			echo '1 passed, 0 failed' >>"$tmp/log"
		else
			echo "not ok no_wake_up_is_lost: $mode: $(cat "$tmp/$mode.out")"
			echo '0 passed, 1 failed' >>"$tmp/log"
		fi
		shift
	done
	kill $echoes
}

stress() { "$BUILD/tests/stress/stress" "$BUILD/tests/stress/worker" "$1" | tee -a "$tmp/log"; }

if [ -n "${AGNOCAST_VM:-}" ]; then
	start_pairs
	stress "${STRESS_SECONDS:-10}"
else
	seconds=${STRESS_SECONDS:-60}
	export AGNOCAST_REGISTRY=unix:$tmp/socket
	start_daemon
	start_pairs
	stress $((seconds * 2 / 3))
	export STRESS_RESTARTS=${STRESS_RESTARTS:-3}
	echo "# and now agnocastd is killed every $STRESS_RESTARTS s"
	restart_now_and_then &
	restarter=$!
	stress $((seconds - seconds * 2 / 3))
	kill $restarter
fi
end_pairs
awk '/^[0-9]+ passed/ { passed += $1; failed += $3; rounds++ }
	END { if (rounds < 3) failed++
	printf "%d passed, %d failed\n", passed, failed; exit failed > 0 }' "$tmp/log"
