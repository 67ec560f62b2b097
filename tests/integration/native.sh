#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
#
# native.sh - run the integration tests against an agnocastd of their own

set -u
here=$(cd "$(dirname "$0")" && pwd)
BUILD=${BUILD:-$(cd "$here/../.." && pwd)/build}
socket=$(mktemp -u /tmp/agnocastd-test.XXXXXX)

"$BUILD/tools/agnocastd" --socket "$socket" &
daemon=$!
trap 'kill $daemon 2>/dev/null; wait $daemon 2>/dev/null; rm -f "$socket.ledger"' EXIT INT TERM
tries=0
while [ ! -S "$socket" ] && [ $tries -lt 100 ]; do
	sleep 0.05
	tries=$((tries + 1))
done

BUILD=$BUILD AGNOCAST_REGISTRY=unix:$socket "$here/run.sh"
status=$?
if ! kill -0 $daemon 2>/dev/null; then
	echo "not ok agnocastd_survives_the_tests"
	status=1
fi
exit $status
