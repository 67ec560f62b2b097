# SPDX-License-Identifier: BSD-2-Clause
# shellcheck shell=bash
#
# checks.sh - how the shell tests of the tools say what passed, and what all of them
# start; sourced by them, with $BUILD and $dir set where they use it

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

# status_of COMMAND... - its exit status, as text; its output goes to $dir/out and $dir/err
status_of() { "$@" >"$dir/out" 2>"$dir/err" </dev/null; echo $?; }

# start_daemon NAME [OPTION...] - listens on $dir/NAME; its pid is $daemon, and in $processes
processes=()
start_daemon()
{
	local socket=$dir/$1
	shift
	"$BUILD/tools/agnocastd" --socket "$socket" "$@" 2>"$socket.log" &
	daemon=$!
	processes+=($daemon)
	until_true 5 test -S "$socket"
}

# none WHY - skip all of it
none()
{
	skip "$(basename "$0" .sh)" "$1"
	summary
	exit 0
}

# summary - the last line; its status is the script's
summary()
{
	echo "$passed passed, $failed failed, $skipped skipped"
	[ $failed -eq 0 ]
}
