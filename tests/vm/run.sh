#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
#
# run.sh - the tests that only the real module can fail; runs in the VM as root
#
# The last line is the sum. With a module of its own, of 100 areas, comes what
# happens when all areas are taken.

BUILD=${BUILD:-$(cd "$(dirname "$0")/../../build" && pwd)}
log=$(mktemp)
trap 'rm -f "$log"' EXIT
passed=0 failed=0

# program FILE [ARGUMENT...] - one that ends with `N passed, N failed`
program()
{
	"$@" 2>&1 | tee "$log"
	sum=$(grep -xE '[0-9]+ passed, [0-9]+ failed' "$log" | tail -n 1)
	[ -n "$sum" ] || { echo "not ok $1: no result"; sum="0 passed, 1 failed"; }
	# shellcheck disable=SC2086 # its words are the numbers
	set -- $sum
	passed=$((passed + $1)) failed=$((failed + $3))
}

# reload [ARGUMENT...] - the module, with these parameters
reload()
{
	rmmod agnocast && insmod "$AGNOCAST_MODULE" "$@" && return
	echo "not ok reload $*"
	failed=$((failed + 1))
	return 1
}

program "$BUILD/tests/vm/module"
program "$BUILD/tests/vm/hostile"
program "$(dirname "$0")/memory.sh"
program "$BUILD/tests/vm/trace"
program "$BUILD/tests/vm/fuzz" --seconds "${FUZZ_SECONDS:-10}"
if [ -n "${AGNOCAST_MODULE:-}" ] && [ -x "$BUILD/tests/integration/registry" ]; then
	reload areas=100 &&
		program "$BUILD/tests/integration/registry" each_process_has_an_area_of_its_own
	reload window_base=0x300000000000 &&
		AGNOCAST_LIB=$BUILD/lib/libagnocast.so \
			program "$(dirname "$0")/../integration/window.sh" moved
	reload
fi

echo "$passed passed, $failed failed"
[ $failed -eq 0 ]
