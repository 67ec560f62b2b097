# SPDX-License-Identifier: BSD-2-Clause
# shellcheck shell=bash
#
# checks.sh - how the shell tests of the tools say what passed; sourced by them

passed=0 failed=0 skipped=0

ok() { echo "ok $1"; passed=$((passed + 1)); }
not_ok() { echo "not ok $1: $2"; failed=$((failed + 1)); }
skip() { echo "skip $1: $2"; skipped=$((skipped + 1)); }

# check NAME WHY COMMAND... - ok if the command succeeds
check()
{
	local name=$1 why=$2
	shift 2
	if "$@" >/dev/null 2>&1; then ok "$name"; else not_ok "$name" "$why"; fi
}

# is NAME GOT WANTED
is() { check "$1" "got '$2', wanted '$3'" test "$2" = "$3"; }

# until_true SECONDS COMMAND... - poll for a condition
until_true()
{
	local end=$((SECONDS + $1))
	shift
	until "$@" >/dev/null 2>&1; do
		[ $SECONDS -lt $end ] || return 1
		sleep 0.1
	done
}

# summary - the last line; its status is the script's
summary()
{
	echo "$passed passed, $failed failed, $skipped skipped"
	[ $failed -eq 0 ]
}
