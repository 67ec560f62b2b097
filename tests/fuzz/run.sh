#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
#
# run.sh - build the fuzzer, run it for FUZZ_SECONDS on the corpus
#
# Ends with `fuzz: N passed, N failed, N skipped`. New inputs and what crashed
# go to $BUILD/tests/fuzz, never into the tree.

set -u
cd "$(dirname "$0")" || exit 1
BUILD=${BUILD:-$(cd ../.. && pwd)/build}
out=$BUILD/tests/fuzz
seconds=${FUZZ_SECONDS:-60}
cc=${FUZZ_CC:-clang}
log=$out/log
mkdir -p "$out/finds"

skip() { echo "skip fuzz: $1"; echo 'fuzz: 0 passed, 0 failed, 1 skipped'; exit 0; }
fail() { echo "not ok fuzz: $1"; echo 'fuzz: 0 passed, 1 failed, 0 skipped'; exit 1; }

command -v "$cc" >/dev/null || skip "no $cc (package clang)"
echo 'int LLVMFuzzerTestOneInput(const void *p, unsigned long n) { return !p && n; }' |
	"$cc" -fsanitize=fuzzer,address,undefined -x c -o "$out/probe" - 2>/dev/null ||
	skip "$cc has no fuzzer runtime (Debian 12: package libclang-rt-14-dev)"
rm -f "$out/probe"

make -s --no-print-directory BUILD="$BUILD" FUZZ_CC="$cc" >"$log" 2>&1 ||
	{ cat "$log"; fail 'it does not build'; }

rm -f "$out"/crash-* "$out"/leak-* "$out"/oom-* "$out"/timeout-*
"$out/registry_fuzz" -max_total_time="$seconds" -max_len=600 -len_control=30 -timeout=20 -rss_limit_mb=2048 \
	-artifact_prefix="$out/" -print_final_stats=1 "$out/finds" corpus >"$log" 2>&1
status=$?
if [ $status -ne 0 ]; then
	tail -n 60 "$log"
	for found in "$out"/crash-* "$out"/leak-* "$out"/oom-* "$out"/timeout-*; do
		[ -f "$found" ] && echo "# reproduce: FUZZ_TRACE=1 $out/registry_fuzz $found"
	done
	fail "status $status, see $log"
fi
executed=$(sed -n 's/^stat::number_of_executed_units: *//p' "$log")
[ "${executed:-0}" -gt 0 ] || fail "it ran nothing, see $log"
echo "# fuzz: $executed inputs in $seconds s"
echo 'fuzz: 1 passed, 0 failed, 0 skipped'
