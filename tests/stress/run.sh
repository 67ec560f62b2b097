#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
#
# run.sh - the stress test, against agnocastd or, in the VM, the module
#
# Natively in two rounds: a steady agnocastd for two thirds of the time, then one
# that is killed and started again every few seconds. Says each minute what there
# was, and in the end the sums of both rounds.
#
#	STRESS_SECONDS=60	how long, both rounds together; in the VM 10
#	STRESS_ROUNDS=both	or steady, or restarts: all the time for that one
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
	disown	# its death is no news to the shell
	for _ in $(seq 100); do [ -S "$tmp/socket" ] && break; sleep 0.05; done
}

restart_now_and_then()
{
	while sleep "$STRESS_RESTARTS"; do
		kill -9 "$(cat "$tmp/pid")"
		wait "$(cat "$tmp/pid")"
		echo >>"$tmp/restarts"
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

# The workers excuse an absent registry only where STRESS_RESTARTS is set.
stress_with_restarts()
{
	export STRESS_RESTARTS=$every
	echo "# and now agnocastd is killed every $every s"
	restart_now_and_then &
	restarter=$!
	stress "$1"
	kill $restarter
}

# The last line that each round told, added up.
sums()
{
	awk -v restarts="$(wc -l <"$tmp/restarts")" '
		/^# in all / { for (i = 6; i < NF; i += 2) { sub(",", "", $(i + 1)); sum[$(i + 1)] += $i }
			seconds += $4 }
		END { printf "# the whole stress, %d s: %d published, %d refused, %d taken, %d reclaimed, " \
			"%d processes, %d killed, %d restarts of the registry, %d errors\n",
			seconds, sum["published"], sum["refused"], sum["taken"], sum["reclaimed"],
			sum["processes"], sum["killed"], restarts, sum["errors"] }' "$tmp/log"
}

every=${STRESS_RESTARTS:-3}
unset STRESS_RESTARTS
seconds=${STRESS_SECONDS:-60}
rounds=${STRESS_ROUNDS:-both}
: >"$tmp/restarts"
case ${AGNOCAST_VM:+vm}$rounds in
vm*)		seconds=${STRESS_SECONDS:-10} steady=$seconds ;;
both)		steady=$((seconds * 2 / 3)) ;;
steady)		steady=$seconds ;;
restarts)	steady=0 ;;
*)		echo "run.sh: STRESS_ROUNDS=$rounds: both, steady or restarts" >&2; exit 2 ;;
esac
if [ -z "${AGNOCAST_VM:-}" ]; then
	export AGNOCAST_REGISTRY=unix:$tmp/socket
	start_daemon
fi
start_pairs
[ "$steady" -eq 0 ] || stress "$steady"
[ "$steady" -eq "$seconds" ] || stress_with_restarts $((seconds - steady))
end_pairs
sums
awk -v rounds=$((2 + (steady > 0) + (steady < seconds))) '
	/^[0-9]+ passed/ { passed += $1; failed += $3; counted++ }
	END { if (counted < rounds) failed++
	printf "%d passed, %d failed\n", passed, failed; exit failed > 0 }' "$tmp/log"
