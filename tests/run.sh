#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
#
# run.sh - every test: unit, unit under sanitizers, model, fuzz, integration, stress, benchmarks, VM
#
# Runs all of them whatever fails. The last line is the sum:
# N passed, N failed, N skipped. VM=no leaves the VM out, which is counted as
# one skip.

set -u
repo=$(cd "$(dirname "$0")/.." && pwd)
export BUILD=${BUILD:-$repo/build}
cd "$repo" || exit 1
mkdir -p "$BUILD"
log=$BUILD/test.log
passed=0 failed=0 skipped=0

# add NAME TEXT - add up a line "[NAME: ]N passed, N failed[, N skipped]"
add()
{
	local sum
	sum=$(printf '%s\n' "$2" | grep -oE '[0-9]+ passed, [0-9]+ failed(, [0-9]+ skipped)?')
	if [ -z "$sum" ]; then
		echo "not ok $1: no result"
		sum="0 passed, 1 failed"
	fi
	# shellcheck disable=SC2086 # its words are the numbers
	set -- $sum
	passed=$((passed + $1)) failed=$((failed + $3)) skipped=$((skipped + ${5:-0}))
}

# part NAME COMMAND... - one part; its last line counts
part()
{
	local name=$1 began=$SECONDS
	shift
	echo "--- $name"
	"$@" 2>&1 | tee "$log"
	local status=${PIPESTATUS[0]}
	local last
	last=$(grep -E '[0-9]+ passed, [0-9]+ failed' "$log" | tail -n 1)
	[ "$status" -eq 0 ] || case $last in *" 0 failed"*|'') last="0 passed, 1 failed" ;; esac
	add "$name" "$last"
	echo "--- $name took $((SECONDS - began)) s"
}

make --no-print-directory -C tests/integration >"$log" 2>&1 ||
	{ cat "$log"; echo "0 passed, 1 failed"; exit 1; }
make --no-print-directory -C tests/compat >"$log" 2>&1 ||
	{ cat "$log"; echo "0 passed, 1 failed"; exit 1; }
make --no-print-directory -C tests/vm >"$log" 2>&1 ||
	{ cat "$log"; echo "0 passed, 1 failed"; exit 1; }
make --no-print-directory -C tests/stress >"$log" 2>&1 ||
	{ cat "$log"; echo "0 passed, 1 failed"; exit 1; }

part unit make -s --no-print-directory -C tests/unit run
part "unit under sanitizers" make -s --no-print-directory -C tests/unit run SANITIZE=1
part model make -s --no-print-directory -C tests/model run
part fuzz make -s --no-print-directory -C tests/fuzz run FUZZ_SECONDS="${FUZZ_SECONDS:-60}"
part integration tests/integration/native.sh
part compat tests/compat/run.sh short
part stress tests/stress/run.sh
part bench tests/bench/smoke.sh
if [ "${VM:-yes}" = yes ]; then
	part vm make --no-print-directory vm
else
	echo "skip vm: VM=$VM"
	skipped=$((skipped + 1))
fi

echo "$passed passed, $failed failed, $skipped skipped"
[ $failed -eq 0 ]
