#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
#
# count.sh NAME PROGRAM... - run criterion programs, add up what they say
#
# Prints what failed, then `NAME: N passed, N failed, N skipped` as the last
# line. A program that says nothing counts as a failure.

set -u

name=$1
shift
passed=0 failed=0 skipped=0
log=$(mktemp)
trap 'rm -f "$log"' EXIT

# number WORD - the number after "WORD: " in the summary of the last program
number()
{
	grep -aoE "$1: [0-9]+" "$log" | tail -n 1 | grep -oE '[0-9]+' || echo 0
}

for program in "$@"; do
	"$program" --jobs 2 >"$log" 2>&1
	status=$?
	good=$(number Passing)
	bad=$(($(number Failing) + $(number Crashing)))
	all=$(number Tested)
	[ "$all" -gt 0 ] || bad=1
	[ $status -eq 0 ] || [ $bad -gt 0 ] || bad=1
	if [ $bad -gt 0 ]; then
		printf '%s failed (status %s):\n' "$program" $status
		cat "$log"
	fi
	passed=$((passed + good))
	failed=$((failed + bad))
	skipped=$((skipped + $(grep -acE '^\[SKIP\]' "$log")))
done
printf '%s: %d passed, %d failed, %d skipped\n' "$name" $passed $failed $skipped
[ $failed -eq 0 ]
