#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
#
# daemon.sh - garbage, crowds and sudden deaths against an agnocastd of its own;
# then its starts and ends, and who may come back as whom
#
# Only agnocastd has a socket to throw at: in the VM, where the module serves,
# this is skipped.

set -u
here=$(cd "$(dirname "$0")" && pwd)
BUILD=${BUILD:-$(cd "$here/../../build" && pwd)}
if [ -n "${AGNOCAST_VM:-}" ]; then
	echo 'skip daemon: the module serves here, not agnocastd'
	echo '0 passed, 0 failed, 1 skipped'
	exit 0
fi
tmp=$(mktemp -d)
daemon=
trap '[ -z "$daemon" ] || kill -9 $daemon 2>/dev/null; rm -rf "$tmp"' EXIT

"$BUILD/tools/agnocastd" --socket "$tmp/socket" 2>"$tmp/log" &
daemon=$!
for _ in $(seq 100); do [ -S "$tmp/socket" ] && break; sleep 0.05; done

"$BUILD/tests/integration/daemon_garbage" "$tmp/socket" $daemon | tee "$tmp/garbage"
status=${PIPESTATUS[0]}
kill $daemon 2>/dev/null
wait $daemon 2>/dev/null
daemon=
[ $status -eq 0 ] || tail -n 20 "$tmp/log" | sed 's/^/# /'
"$BUILD/tests/integration/daemon_life" "$BUILD/tools/agnocastd" | tee "$tmp/life"
[ "${PIPESTATUS[0]}" -eq 0 ] || status=1
awk '/^[0-9]+ passed/ { passed += $1; failed += $3; skipped += $5 }
	END { printf "%d passed, %d failed, %d skipped\n", passed, failed, skipped }' \
	"$tmp/garbage" "$tmp/life"
exit $status
