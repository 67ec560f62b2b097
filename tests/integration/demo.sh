#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
#
# demo.sh - the main job: the lidar pipeline, simulated and with recorded clouds
#
# Recorded clouds are taken from $AGNOCAST_TEST_DATA, or from ../shared/data
# beside the repository, if they are there.

set -u
here=$(cd "$(dirname "$0")" && pwd)
repo=$(cd "$here/../.." && pwd)
export BUILD=${BUILD:-$repo/build}
data=${AGNOCAST_TEST_DATA:-$repo/../shared/data}
passed=0 failed=0 skipped=0
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
export DEMO_OUT=$tmp/demo.json

ok() { echo "ok $1"; passed=$((passed + 1)); }
not_ok() { echo "not ok $1: $2"; failed=$((failed + 1)); }

# demo NAME SECONDS PCD
demo()
{
	if SECONDS_TO_RUN=$2 RATE=$rate PCD=$3 "$repo/tools/demo.sh" >"$tmp/$1.txt" 2>&1; then
		ok "$1"
	else
		not_ok "$1" "status $?"
		sed 's/^/  /' "$tmp/$1.txt"
	fi
}

# An emulated machine is a tenth as fast.
seconds=8 rate=10
[ -z "${AGNOCAST_VM:-}" ] || { seconds=15; rate=5; }
demo simulated_lidar $seconds ""
if jq -e '.passed and (.topics | length == 3) and all(.topics[]; .messages > 0)
	and .proof.read == .proof.in_place and .proof.read > 0' \
	"$DEMO_OUT" >/dev/null 2>&1; then
	ok json_says_the_same
else
	not_ok json_says_the_same "$(head -c 300 "$DEMO_OUT" 2>/dev/null)"
fi
for file in airborne-csite1 tabletop-test1; do
	if [ -n "${AGNOCAST_VM:-}" ]; then
		:	# seconds of decoding under emulation; the same code natively
	elif [ -r "$data/$file.pcd" ]; then
		demo "recorded_$file" $seconds "$data/$file.pcd"
	else
		echo "skip recorded_$file: no $data/$file.pcd"
		skipped=$((skipped + 1))
	fi
done

echo "$passed passed, $failed failed, $skipped skipped"
[ $failed -eq 0 ]
