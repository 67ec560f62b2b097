#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
#
# screens.sh [--update] - the screens of agnocast-top, from a recording
#
# The golden texts are the ones that people read: each block in docs/observing.md
# after a line `<!-- agnocast-top WIDTHxHEIGHT: KEYS -->` must be what the screen
# shows for those keys. --update writes them anew; then look at the difference.
# Prints ok, not ok and skip lines, then the sum.

set -uf
here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
BUILD=${BUILD:-$root/build}
top=${TOP:-$BUILD/cli/agnocast-top}
doc=$root/docs/observing.md
dir=$(mktemp -d)
passed=0 failed=0 server=0
# Under ASan and UBSan, where that was built.
[ -n "${TOP:-}" ] || [ ! -x "$BUILD/cli-san/agnocast-top" ] || top=$BUILD/cli-san/agnocast-top
export LC_ALL=C.UTF-8 TZ=UTC
unset COLUMNS LINES NO_COLOR

if [ -n "${AGNOCAST_VM:-}" ] || ! command -v tmux >/dev/null; then
	echo "skip screens: ${AGNOCAST_VM:+the same natively}${AGNOCAST_VM:-no tmux}"
	echo "0 passed, 0 failed, 1 skipped"
	exit 0
fi

ok() { echo "ok $1"; passed=$((passed + 1)); }
not_ok() { echo "not ok $1: $2"; failed=$((failed + 1)); }
tm() { tmux -L "agnocast-screens-$$-$server" "$@"; }
finish() { tm kill-server 2>/dev/null; rm -rf "$dir"; }
trap finish EXIT

# Leaks are storm.sh's: the search for them can hang in a process that lost its terminal.
export ASAN_OPTIONS=detect_leaks=0
tail -n 1 "$here/top_scene.jsonl" >"$dir/last"
cp "$here/top_scene.jsonl" "$dir/all"

screen() { tm capture-pane -p | sed 's/ *$//'; }
shows() { screen | grep -qE -- "$1"; }

# within SECONDS COMMAND... - poll for a condition
within()
{
	local end=$((SECONDS + $1))
	shift
	until "$@" >/dev/null 2>&1; do
		[ $SECONDS -lt $end ] || return 1
		sleep 0.05
	done
}

# start WIDTH HEIGHT [ENVIRONMENT...] [-- OPTION...] - agnocast-top in a terminal of that
# size; what it left behind is shown after it ended, with its status
start()
{
	local width=$1 height=$2 environment=() options=()
	shift 2
	while [ $# -gt 0 ] && [ "$1" != -- ]; do environment+=("$1"); shift; done
	[ $# -eq 0 ] || { shift; options=("$@"); }
	[ ${#options[@]} -gt 0 ] || options=(-i "$dir/last" -d 3600)
	tm kill-server 2>/dev/null
	server=$((server + 1))	# the old one may take its time to go
	tm -f /dev/null new-session -d -x "$width" -y "$height" \
		"env -u TMUX ${environment[*]} bash -c 'echo before; (echo \$BASHPID >$dir/pid; exec $top ${options[*]}); echo status \$?; stty -a | grep -ow -e -echo -e -icanon; echo done; sleep 60'"
}

press() { local key; for key in "$@"; do tm send-keys "$key"; done; }

# settled - back when the screen did not change for a while
settled()
{
	local before='' now
	now=$(screen)
	while [ "$now" != "$before" ]; do
		before=$now
		sleep 0.4
		now=$(screen)
	done
}

# blocks - "WIDTH HEIGHT NUMBER KEYS..." for each block of the document
blocks()
{
	awk '/^<!-- agnocast-top [0-9]+x[0-9]+:.* -->$/ {
		split($3, size, /[x:]/)
		keys = $0
		sub(/^[^:]*: */, "", keys)
		sub(/ *-->$/, "", keys)
		print size[1], size[2], ++n, keys
	}' "$doc"
}

# block NUMBER - its text
block()
{
	awk -v wanted="$1" '/^<!-- agnocast-top / { n++; next }
		n == wanted && /^```/ { if (inside) exit; inside = 1; next }
		n == wanted && inside' "$doc"
}

# is_block NUMBER
is_block() { [ "$(screen)" = "$(cat "$dir/wanted")" ]; }

check_block()
{
	local width=$1 height=$2 number=$3
	shift 3
	start "$width" "$height"
	within 10 shows 'Quit|at least'
	press "$@"
	block "$number" >"$dir/wanted"
	if within 10 is_block; then
		ok "screen_${width}x${height}_$*"
	else
		not_ok "screen_${width}x${height}_$*" "differs from docs/observing.md:"
		screen | diff "$dir/wanted" -
	fi
}

update_block()
{
	local width=$1 height=$2 number=$3
	shift 3
	start "$width" "$height"
	within 10 shows 'Quit|at least'
	press "$@"
	settled
	screen >"$dir/new"
	awk -v wanted="$number" -v file="$dir/new" '
		/^<!-- agnocast-top / { n++ }
		n == wanted && /^```/ && !done {
			print
			if (inside) { done = 1; next }
			while ((getline line < file) > 0) print line
			inside = 1
			next
		}
		!(n == wanted && inside && !done)' "$doc" >"$dir/doc"
	cat "$dir/doc" >"$doc"
}

if [ "${1:-}" = --update ]; then
	while read -r width height number keys; do
		# shellcheck disable=SC2086 # keys are words
		update_block "$width" "$height" "$number" $keys </dev/null
	done < <(blocks)
	exit
fi

while read -r width height number keys; do
	# shellcheck disable=SC2086
	check_block "$width" "$height" "$number" $keys </dev/null
done < <(blocks)

# check NAME COMMAND...
check()
{
	local name=$1
	shift
	if "$@" >/dev/null 2>&1; then ok "$name"; else not_ok "$name" "screen: $(screen | head -n 12)"; fi
}

colours() { tm capture-pane -p -e | grep -c "$(printf '\033')\[[0-9;]*3[1-7]m"; }
is_coloured() { [ "$(colours)" -gt 0 ]; }
is_plain() { [ "$(colours)" -eq 0 ]; }
fits() { [ "$(screen | awk -v w="$1" 'length > w' | wc -l)" -eq 0 ]; }

# Replay goes back and forth, and stands still when it is told to.
start 80 24 -- -i "$dir/all" -d 0.2
check replay_runs_to_its_end within 10 shows 'replay 3/3$'
press '['
check replay_steps_back within 5 shows 'replay 2/3 PAUSED'
press '[' '[' '['
check replay_stops_at_its_start within 5 shows 'replay 1/3 PAUSED'
press ']'
check replay_steps_forward within 5 shows 'replay 2/3 PAUSED'
press q
check replay_quits within 5 shows '^status 0'
check replay_gives_the_terminal_back eval "shows ^done && shows ^before && ! shows '^-(echo|icanon)'"

# Every size, while it runs.
start 80 24
within 10 shows Quit
press 4
for size in "40 10" "39 10" "200 50" "3 2" "1 1" "120 12" "80 24"; do
	set -- $size
	tm resize-window -x "$1" -y "$2"
	sleep 0.1
done
check resize_comes_back within 5 shows 'Tree  Space Pause  q Quit$'
check resize_wraps_nothing fits 80
press q
check resize_ends_well within 5 shows '^status 0'

# Ctrl-Z, and fg, in a shell that has jobs.
is_as_before() { [ "$(screen)" = "$(cat "$dir/wanted")" ]; }
start 80 24 -- -i "$dir/last" -d 3600
within 10 shows Quit
settled
screen >"$dir/wanted"
tm kill-server
server=$((server + 1))
tm -f /dev/null new-session -d -x 80 -y 24 "env -u TMUX PS1='shell: ' bash --norc --noprofile -i"
within 10 shows '^shell: '
tm send-keys "$top -i $dir/last -d 3600" Enter
within 10 is_as_before
tm send-keys C-z
check stop_gives_the_terminal_back within 5 eval "shows Stopped && ! shows Quit"
tm send-keys 'stty -a | grep -ow -e -echo -e -icanon; echo looked' Enter
check stop_restores_the_terminal within 5 eval "shows ^looked && ! shows '^-(echo|icanon)'"
tm send-keys fg Enter
check fg_goes_on_as_before within 5 is_as_before

# Colour: marks in any case, escape sequences only where they are wanted.
start 80 24
within 10 shows Quit
check colour_is_used within 5 is_coloured
start 80 24 NO_COLOR=1
within 10 shows Quit
check no_color_is_honoured is_plain
check no_color_keeps_the_marks shows '^~ /sensing/camera0/image'
start 80 24 NO_COLOR=1 -- -i "$dir/last" -d 3600 --color always
within 10 shows Quit
check color_always_beats_no_color within 5 is_coloured
start 80 24 -- -i "$dir/last" -d 3600 --color never
within 10 shows Quit
check color_never_is_honoured is_plain
for term in vt100 vt220 linux xterm; do
	start 80 24 TERM=$term
	check "terminal_$term" within 10 shows '^ >/sensing/lidar/top/points'
	press q
	check "terminal_${term}_ends" within 5 shows '^status 0'
done
start 80 40 TERM=dumb
check dumb_terminal_gets_text within 10 shows '^status 0'
check dumb_terminal_is_told_why shows "can't place text"
start 80 24 TERM=no-such-terminal
check unknown_terminal_is_refused within 10 shows '^status 64'

# However it ends, the terminal is as before.
for signal in TERM HUP INT SEGV ABRT BUS; do
	start 80 24 -- -i "$dir/last" -d 3600
	within 10 shows Quit
	kill -$signal "$(cat "$dir/pid")"
	within 10 shows '^done'
	check "terminal_is_restored_after_$signal" eval "shows ^before && ! shows '^-(echo|icanon)'"
done

echo "$passed passed, $failed failed, 0 skipped"
[ $failed -eq 0 ]
