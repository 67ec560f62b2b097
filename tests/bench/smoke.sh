#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
#
# smoke.sh - the benchmark programs work: ours and the floor, a few seconds
#
# Nothing is lost or wrong (run.py fails then), and the JSON has all the cells.

set -u
here=$(cd "$(dirname "$0")" && pwd)
BUILD=${BUILD:-$(cd "$here/../../build" && pwd)}
export BUILD
passed=0 failed=0
out=$(mktemp)
trap 'rm -f "$out" "$out".*' EXIT

if [ "$(nproc)" -lt 2 ]; then
	echo "skip bench: two processors are needed"
	echo "0 passed, 0 failed, 1 skipped"
	exit 0
fi

check()
{
	if [ "$2" = 0 ]; then
		echo "ok $1"
		passed=$((passed + 1))
	else
		echo "not ok $1"
		failed=$((failed + 1))
	fi
}

make -s --no-print-directory -C "$here" small
check bench_programs_build $?
timeout 60 "$here/run.py" --quick --seconds 0.03 --repetitions 1 --peers floor,agnocast \
	--only latency,throughput,fanout --out "$out" >"$out.log" 2>&1
status=$?
check bench_loses_nothing $status
[ $status -eq 0 ] || tail -n 20 "$out.log"
# 2 sizes x 4 ways to wait x 2 peers, 2 ways to flow x 2, 2 fans
[ "$(jq '[.cells[] | select(.runs | all)] | length' "$out")" = 22 ]
check bench_json_has_every_cell $?

echo "$passed passed, $failed failed"
[ $failed -eq 0 ]
