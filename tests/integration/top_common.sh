# SPDX-License-Identifier: BSD-2-Clause
# shellcheck shell=bash
#
# top_common.sh - what the tests of agnocast-top share; sourced with $here, $dir, $BUILD
# and $victim set
#
# Names everything it starts in the arrays processes and victims; finish() ends them.

victims=()
unset COLUMNS NO_COLOR
export LC_ALL=C.UTF-8 TERM=xterm-256color

. "$here/checks.sh"

finish()
{
	tmux -L "agnocast-top-$$" kill-server 2>/dev/null
	for pid in "${victims[@]}" "${processes[@]}"; do
		kill "$pid" 2>/dev/null
	done
	wait 2>/dev/null
	for pid in "${victims[@]}"; do
		rm -f "/dev/shm/agnocast@$pid"
	done
	rm -rf "$dir"
}
trap finish EXIT

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

# that NAME FILTER - jq's FILTER is true of $dir/json
that()
{
	local got
	got=$(jq -c "$2" "$dir/json" 2>&1)
	is "$1" "$got" true
}
