#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
#
# run.sh - the stress test, against agnocastd or, in the VM, the module
#
#	STRESS_SECONDS=60	how long
#	STRESS_RESTARTS=10	also kill agnocastd, and start it again, that often (s)
#	STRESS_LOG=1		show what the library logs

set -u
here=$(cd "$(dirname "$0")" && pwd)
BUILD=${BUILD:-$(cd "$here/../../build" && pwd)}
seconds=${STRESS_SECONDS:-60}
export MEMPOOL_SIZE=16M
tmp=$(mktemp -d)
# The daemon of now is whose pid stands in $tmp/pid.
trap 'kill $(jobs -p) 2>/dev/null; kill $(cat "$tmp/pid") 2>/dev/null; rm -rf "$tmp"' EXIT

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
		wait "$(cat "$tmp/pid")" 2>/dev/null
		sleep "0.$((RANDOM % 5))"
		start_daemon
	done
}

if [ -n "${AGNOCAST_VM:-}" ]; then
	seconds=${STRESS_SECONDS:-10}
else
	export AGNOCAST_REGISTRY=unix:$tmp/socket
	start_daemon
	[ -z "${STRESS_RESTARTS:-}" ] || restart_now_and_then &
fi
"$BUILD/tests/stress/stress" "$BUILD/tests/stress/worker" "$seconds"
