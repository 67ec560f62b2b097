# SPDX-License-Identifier: BSD-2-Clause
# shellcheck shell=bash
#
# top_common.sh - what the tests of agnocast-top share; sourced with $dir, $BUILD and
# $victim set
#
# Names everything it starts in the arrays daemons and victims; finish() ends them.

passed=0 failed=0 skipped=0
daemons=() victims=()
unset COLUMNS NO_COLOR
export LC_ALL=C.UTF-8 TERM=xterm-256color

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

# until SECONDS COMMAND... - poll for a condition
until_true()
{
	local end=$((SECONDS + $1))
	shift
	until "$@" >/dev/null 2>&1; do
		[ $SECONDS -lt $end ] || return 1
		sleep 0.1
	done
}

finish()
{
	tmux -L "agnocast-top-$$" kill-server 2>/dev/null
	for pid in "${victims[@]}" "${daemons[@]}"; do
		kill "$pid" 2>/dev/null
	done
	wait 2>/dev/null
	for pid in "${victims[@]}"; do
		rm -f "/dev/shm/agnocast@$pid"
	done
	rm -rf "$dir"
}
trap finish EXIT

# start_daemon NAME - listens on $dir/NAME
start_daemon()
{
	"$BUILD/tools/agnocastd" --socket "$dir/$1" 2>"$dir/$1.log" &
	daemons+=($!)
	until_true 5 test -S "$dir/$1"
}

# start_victim NAME ARGUMENT... - its stdin is $dir/NAME.in (descriptor in $in), its
# words after "ready" are in the array $said
start_victim()
{
	local name=$1
	shift
	mkfifo "$dir/$name.in"
	exec {in}<>"$dir/$name.in"
	"$victim" "$@" <"$dir/$name.in" >"$dir/$name.out" 2>&1 &
	victims+=($!)
	until_true 5 grep -q ^ready "$dir/$name.out" || cat "$dir/$name.out"
	local words
	read -ra words <"$dir/$name.out"
	said=("${words[@]:1}")
}

status_of() { "$@" >"$dir/out" 2>"$dir/err" </dev/null; echo $?; }

# that NAME FILTER - jq's FILTER is true of $dir/json
that()
{
	local got
	got=$(jq -c "$2" "$dir/json" 2>&1)
	is "$1" "$got" true
}
