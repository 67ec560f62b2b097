#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
#
# top.sh - agnocast-top against known numbers
#
# Wants $BUILD (build/) and, if one runs, $AGNOCAST_REGISTRY; else it starts its own
# agnocastd. Prints `ok`, `not ok`, `skip` lines, then `N passed, N failed, N skipped`;
# status 1 on failure. Root sees all of it; without root the eBPF tests are skipped.

set -u
if [ -n "${AGNOCAST_VM:-}" ] && [ "${TOP_IN_VM:-no}" != yes ]; then
	# Two minutes of an emulated machine; demo.sh runs agnocast-top there.
	echo "skip top: the same natively; TOP_IN_VM=yes runs it here too"
	echo "0 passed, 0 failed, 1 skipped"
	exit 0
fi
here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
BUILD=${BUILD:-$root/build}
top=$BUILD/cli/agnocast-top
victim=$BUILD/tests/integration/top_victim
dir=$(mktemp -d)
chmod 755 "$dir"
. "$here/top_common.sh"

test_usage()
{
	is usage_help "$(status_of "$top" -h)" 0
	check usage_help_is_complete "no exit status in it" grep -q 'Exit status' "$dir/out"
	is usage_version "$(status_of "$top" -V)" 0
	is usage_sort_help "$(status_of "$top" -s help)" 0
	local wrong
	for wrong in -d0.01 -dx -n0 -n-1 --view=x -sNONE --nothing word; do
		is "usage_refuses_$wrong" "$(status_of "$top" "$wrong")" 64
	done
	is usage_no_terminal "$(status_of "$top")" 64
	is no_registry "$(status_of "$top" -b -n1 --registry "$dir/none")" 69
	check no_registry_names_what_was_tried "$(cat "$dir/err")" grep -qF "$dir/none" "$dir/err"
	check no_registry_is_one_line "$(cat "$dir/err")" test "$(wc -l <"$dir/err")" -eq 1
}

# json [OPTION...] - one object, for a short interval
json() { "$top" -j -n 1 -d 0.5 "$@" >"$dir/json"; }

start_pair()
{
	start_victim talk talk "$AGNOCAST_REGISTRY"
	talk=("${said[@]}")
	start_victim hear hear "$AGNOCAST_REGISTRY" "${talk[@]}"
	hear=${said[0]} hear_in=$in
	until_true 5 grep -q "agnocast@${talk[0]}" "/proc/$hear/maps"
	sleep 0.2
}

test_json()
{
	json
	check json_starts_with_schema "$(head -c 100 "$dir/json")" \
		grep -qE '^\{"schema":1,"tool":"agnocast-top","version":"[^"]+","time":[0-9]+,"lost":0,' "$dir/json"
	is json_is_one_line "$(wc -l <"$dir/json")" 1
	local topic='(.topics[] | select(.topic == "/victim/talk"))'
	that topic_rate "$topic | .hz > 90 and .hz < 110"
	that topic_bytes "$topic | .bytes_per_s > 90000 and .bytes_per_s < 110000"
	that topic_ends "$topic | [.publishers, .subscriptions, .depth] == [1, 1, 4]"
	that topic_readers "$topic | [.dropped, .skipped, .held] == [7, 3, 3]"
	that topic_latency "$topic | .latency_p50_ns > 4096 and .latency_p50_ns < 8192 and .latency_samples == 1000"
	that topic_nodes "$topic | [.endpoints[].node] == [\"talk\", \"hear\"]"
	that process_pool "[.procs[] | select(.pid == ${talk[0]}) | .heap_used, .heap_committed, .mempool_size, .grows] == [307200, 1048576, 1048576, 2]"
	that process_reader "[.procs[] | select(.pid == $hear) | .maps_in, .subscriptions] == [1, 1]"
	that mapping_owner "[.maps[] | select(.pid == ${talk[0]}) | .perm, .role, .state, .wrong] == [\"rw-s\", \"own\", \"ok\", false]"
	that mapping_reader "[.maps[] | select(.pid == $hear and .role == \"read\") | .perm, .owner_pid, .state, .wrong] == [\"r--s\", ${talk[0]}, \"ok\", false]"
	that mapping_range "[.maps[] | select(.pid == $hear and .role == \"read\") | .start] == [\"0x${talk[2]}\"]"
	json --view topics --no-bpf
	that view_chooses 'has("topics") and (has("maps") | not)'
	that no_bpf_is_null '.ebpf.on == false'
	is three_refreshes "$("$top" -j -n 3 -d 0.1 --no-bpf | jq -s 'length')" 3
	"$top" -j -d 0.1 --no-bpf | head -n 2 >"$dir/two"
	is ends_with_its_reader "${PIPESTATUS[0]} $(wc -l <"$dir/two")" "0 2"
}

test_text()
{
	COLUMNS=80 "$top" -b -n 1 -d 0.2 --view all >"$dir/text"
	is text_fits_80 "$(awk 'length > 80' "$dir/text")" ""
	check text_has_titles "$(cat "$dir/text")" grep -qE 'TOPIC +PUB SUB +HZ' "$dir/text"
	check text_has_topic "$(cat "$dir/text")" grep -qE '^  /victim/talk +1 +1 +[0-9.]+ ' "$dir/text"
	check text_has_mapping "$(cat "$dir/text")" grep -qE "${talk[0]} .*r--s +$hear top_victim +read ok" "$dir/text"
	is text_sorts "$("$top" -b -n 1 -d 0.1 --no-bpf --view procs -s pid -r |
		awk '$2 == "top_victim" { print $1 }' | sort -rn -c && echo sorted)" sorted
}

test_area_is_not_trusted()
{
	start_victim lie lie "$AGNOCAST_REGISTRY"
	local liar=${said[0]}
	json --no-bpf
	that liar_is_unknown "[.procs[] | select(.pid == $liar) | .heap_used] == [null]"
	that liar_topic_is_unknown '.topics[] | select(.topic == "/victim/talk") | .hz == null'
	is liar_is_shown_so "$("$top" -b -n 1 -d 0.1 --no-bpf --view procs |
		awk -v pid="$liar" '$1 == pid { print $6 }')" "?"
	kill "$liar"
	wait "$liar" 2>/dev/null
}

test_looking_changes_nothing()
{
	local before after
	before=$(stat -c '%b %s' "/dev/shm/agnocast@${talk[0]}")
	"$top" -j -n 5 -d 0.1 --no-bpf >/dev/null
	after=$(stat -c '%b %s' "/dev/shm/agnocast@${talk[0]}")
	is looking_fills_no_hole "$after" "$before"
}

# count PID CALL - its [calls, errors, again] in $dir/json
calls() { jq -c "[.procs[] | select(.pid == $1) | .calls.$2 | .calls, .errors, .again]" "$dir/json"; }

# has_lines FILE N
has_lines() { [ "$(wc -l <"$1")" -ge "$2" ]; }

# Start a stream of JSON in $dir/stream, as $observer; back once its programs are attached.
observe()
{
	: >"$dir/stream"
	"$top" -j -d 0.3 >"$dir/stream" &
	observer=$!
	until_true 20 has_lines "$dir/stream" 1
}

# Stop it after two more refreshes; the last one becomes $dir/json.
observed()
{
	until_true 20 has_lines "$dir/stream" $(($(wc -l <"$dir/stream") + 2))
	kill $observer
	wait $observer
	tail -n 1 "$dir/stream" >"$dir/json"
}

# Observe a victim that runs to its end.
trace_victim()
{
	observe
	"$victim" "$@" </dev/null >"$dir/victim" 2>&1 &
	traced=$!
	wait $traced 2>/dev/null
	observed
}

test_bpf()
{
	local window
	json
	if [ "$(jq .ebpf.on "$dir/json")" != true ]; then
		skip bpf "$(jq -r .ebpf.why "$dir/json")"
		return
	fi
	window=$(jq -r .registry.window_base "$dir/json")
	# An area in the middle of the window, which nobody has: areas go from the start.
	window=$(printf '0x%x' $((window + (16 << 30) * 700)))
	trace_victim calls "$window"
	is bpf_shm_open_is_exact "$(calls $traced shm_open)" "[5,2,0]"
	is bpf_mmap_is_exact "$(calls $traced mmap)" "[13,3,0]"
	is bpf_ftruncate_is_exact "$(calls $traced ftruncate)" "[3,1,0]"
	is bpf_fallocate_is_exact "$(calls $traced fallocate)" "[2,1,0]"
	is bpf_munmap_is_exact "$(calls $traced munmap)" "[11,1,0]"
	is bpf_mq_receive_is_exact "$(calls $traced mq_receive)" "[7,1,3]"
	is bpf_mq_open_is_exact "$(calls $traced mq_open)" "[7,2,0]"
	is bpf_mq_send_is_exact "$(calls $traced mq_send)" "[17,8,6]"
	that bpf_latency_is_there "[.procs[] | select(.pid == $traced) | .calls[] | select(.calls > 0) | .mean_ns > 0 and .max_ns >= .mean_ns] | all"
	that bpf_exited_is_marked "[.procs[] | select(.pid == $traced) | .exited] == [true]"
	local fails="[.fails[] | select(.pid == $traced)]"
	that bpf_failure_of_mmap "$fails | map(select(.call == \"mmap\")) | [.[0].error, .[0].address, .[0].length, .[0].count, length] == [\"EEXIST\", \"$window\", 8192, 3, 1]"
	that bpf_failure_of_shm_open "$fails | map(select(.call == \"shm_open\")) | [.[0].error, .[0].name, .[0].count] == [\"EEXIST\", \"agnocast@$traced\", 2]"
	that bpf_failure_of_mq_open "$fails | map(select(.call == \"mq_open\")) | [.[0].error, .[0].name, .[0].count] == [\"ENOENT\", \"new_publisher@0\", 2]"
	that bpf_failure_of_mq_send "$fails | map(select(.call == \"mq_send\")) | [.[0].error, .[0].count] == [\"EMSGSIZE\", 8]"
	that bpf_lost_nothing '.lost == 0'
	trace_victim crash "$window"
	that bpf_fault_in_the_window "[.fails[] | select(.pid == $traced) | .call, .error, .address] == [\"(fault)\", \"SIGSEGV\", \"$window\"]"
	test_bpf_loss
}

# A stopped observer loses events, but counts all calls, and says what it lost.
test_bpf_loss()
{
	observe
	kill -STOP $observer
	"$victim" flood 20011 &
	traced=$!
	wait $traced
	kill -CONT $observer
	observed
	is bpf_counts_all_under_loss "$(calls $traced mq_open)" "[20011,20011,0]"
	that bpf_says_what_it_lost ".lost > 0 and .lost + ([.fails[] | select(.pid == $traced) | .count] | add) == 20011"
}

# is_gone PID - the last refresh has no such row
is_gone() { tail -n 1 "$dir/stream" | jq -e "[.procs[].pid] | contains([$1]) | not"; }

test_refused_and_exited()
{
	echo >&"$hear_in"
	sleep 0.3
	json
	that refused_mapping "[.maps[] | select(.pid == $hear and .role != \"own\") | .state, .error, .wrong] == [\"EEXIST\", 17, true]"
	that refused_is_a_failure "[.fails[] | select(.pid == $hear and .source == \"registry\") | .call, .error, .name, .count] == [\"map\", \"EEXIST\", \"agnocast@${talk[0]}\", 1]"
	: >"$dir/stream"
	"$top" -j -d 0.5 --no-bpf >"$dir/stream" &
	local pid=$!
	until_true 20 has_lines "$dir/stream" 1
	kill -KILL "$hear"
	wait "$hear" 2>/dev/null
	until_true 20 is_gone "$hear"
	kill $pid
	wait $pid
	is exited_is_marked_then_goes "$(jq -c "[.procs[] | select(.pid == $hear) | .exited]" "$dir/stream" |
		uniq | tr '\n' ' ')" "[false] [true] [] "
	is exited_stays_five_seconds "$(jq -c "[.procs[] | select(.pid == $hear and .exited)] | length" \
		"$dir/stream" | awk '{ n += $1 } END { print (n >= 9 && n <= 11) }')" 1
}

tm() { tmux -L "agnocast-top-$$" "$@"; }
screen() { tm capture-pane -p; }
shows() { screen | grep -qE -- "$1"; }

test_screen()
{
	if ! command -v tmux >/dev/null; then
		skip screen "no tmux"
		return
	fi
	tm -f /dev/null new-session -d -x 80 -y 24 "env -u TMUX bash --norc"
	tm send-keys "PS1='prompt> '; clear; echo before; $top -d 0.3; echo status \$?" Enter
	check screen_topics "$(screen)" until_true 5 shows '^ >/victim/talk +1 +1 +[0-9.]+ '
	is screen_is_24_lines "$(screen | wc -l)" 24
	is screen_never_wraps "$(screen | awk 'length > 80')" ""
	check screen_has_keys "$(screen)" shows 'Pause  q Quit'
	tm send-keys 2
	check screen_procs "$(screen)" until_true 3 shows "PID COMM +PUB SUB +USED"
	is screen_procs_shows_pids "$(screen | grep -cE " ${talk[0]} top_victim")" 1
	tm send-keys Tab
	check screen_maps "$(screen)" until_true 3 shows "${talk[0]} .*rw-s +${talk[0]} "
	tm send-keys 5
	check screen_fails "$(screen)" until_true 3 shows 'TIME +PID COMM +CALL'
	tm send-keys h
	check screen_help "$(screen)" until_true 3 shows 'Space +pause'
	tm send-keys x 1 '>' '>' r
	check screen_sorts "$(screen)" until_true 3 shows 'sort: PUB \^'
	tm send-keys Space
	check screen_pauses "$(screen)" until_true 3 shows 'PAUSED'
	tm resize-window -x 44 -y 10
	check screen_resizes "$(screen)" until_true 3 shows '^ >/victim/talk +1 +1 *'
	is screen_never_wraps_when_small "$(screen | wc -l) $(screen | awk 'length > 44')" "10 "
	tm resize-window -x 12 -y 3
	sleep 0.5
	tm resize-window -x 80 -y 24
	check screen_survives_tiny "$(screen)" until_true 3 shows '^ >/victim/talk +1 +1 +'
	tm send-keys q
	check screen_quits "$(screen)" until_true 10 shows '^status 0'
	check screen_gives_the_terminal_back "$(screen)" shows '^before'
	test_screen_colour
	test_screen_signals
	test_screen_hangup
}

# top_in_tmux SIGNAL - start it anew, send it that
top_in_tmux()
{
	tm send-keys "clear; sh -c 'echo \$\$ >$dir/pid; exec $top --no-bpf -d 0.3'; echo status \$?; stty -a | grep -ow -e '-echo' -e '-icanon'; echo done" Enter
	until_true 5 shows 'Pause  q Quit'
	kill "-$1" "$(cat "$dir/pid")"
	until_true 5 shows '^done'
}

# Without its terminal it ends at once, rather than spin.
test_screen_hangup()
{
	tm send-keys "clear; sh -c 'echo \$\$ >$dir/pid; exec $top --no-bpf -d 5'" Enter
	until_true 5 shows 'Pause  q Quit'
	tm kill-server
	check screen_ends_with_its_terminal "process $(cat "$dir/pid") is still there" \
		until_true 3 eval "! kill -0 $(cat "$dir/pid")"
}

colours() { tm capture-pane -p -e | grep -c "$(printf '\033')\[[0-9;]*3[1-7]m"; }

test_screen_colour()
{
	start_victim lonely talk "$AGNOCAST_REGISTRY" "$(printf '/lon\033[2Jely')"
	local lonely=${victims[-1]}
	tm send-keys "clear; $top --no-bpf -d 0.3" Enter
	check screen_marks_a_lonely_topic "$(screen)" until_true 5 shows '^~ /lon\?\[2Jely +1 +0'
	is screen_is_coloured "$(colours)" 1
	tm send-keys q
	until_true 5 shows '^prompt'
	tm send-keys "clear; NO_COLOR=1 $top --no-bpf -d 0.3" Enter
	until_true 5 shows '^~ /lon'
	is screen_honours_no_color "$(colours)" 0
	tm send-keys q
	until_true 5 shows '^prompt'
	kill "$lonely"
	wait "$lonely" 2>/dev/null
}

test_screen_signals()
{
	top_in_tmux TERM
	check screen_ends_on_sigterm "$(screen)" shows '^status 0'
	top_in_tmux SEGV
	check screen_dies_of_a_fault "$(screen)" shows '^status 139'
	check screen_restores_the_terminal_when_it_dies "$(screen)" eval "! shows '^-(echo|icanon)'"
}

# A kernel without BTF: as /sys/kernel/btf is not there.
test_no_btf()
{
	if [ "$(id -u)" != 0 ] || ! unshare -m true 2>/dev/null; then
		skip no_btf "no namespaces of its own here"
		return
	fi
	start_daemon plain
	start_victim hidden talk "$dir/plain"
	local hidden=(unshare -m sh -c 'mount -t tmpfs tmpfs /sys/kernel/btf && exec "$@"' sh)
	"${hidden[@]}" "$top" -j -n 2 -d 0.3 --registry "$dir/plain" >"$dir/all"
	tail -n 1 "$dir/all" >"$dir/json"
	that no_btf_says_what_is_missing '.ebpf.on and (.ebpf.why | test("no BTF"))'
	that no_btf_shows_topics '[.topics[] | .topic, .publishers] == ["/victim/talk", 1]'
	that no_btf_shows_rates '.topics[0].hz > 0'
	is no_btf_says_it_in_text "$("${hidden[@]}" "$top" -b -n 1 -d 0.1 --registry "$dir/plain" |
		grep -c '^eBPF on: .*no BTF')" 1
}

test_no_root()
{
	if [ "$(id -u)" != 0 ]; then
		skip no_root "is the whole run"
		return
	fi
	start_daemon open
	local user=(setpriv --reuid 65534 --regid 65534 --clear-groups)
	chmod 600 "$dir/open"
	is no_root_not_permitted "$(status_of "${user[@]}" "$top" -b -n1 --registry "$dir/open")" 77
	chmod 666 "$dir/open"
	start_victim private talk "$dir/open"
	"${user[@]}" "$top" -j -n 1 -d 0.3 --registry "$dir/open" >"$dir/json"
	that no_root_says_why '.ebpf.on == false and (.ebpf.why | test("root"))'
	that no_root_shows_topics '[.topics[] | .topic, .publishers] == ["/victim/talk", 1]'
	that no_root_unknown_is_null '[.topics[].hz, .maps[].perm, .procs[].heap_used, .procs[].calls] == [null, null, null, null]'
	is no_root_says_why_in_text "$("${user[@]}" "$top" -b -n 1 -d 0.1 --registry "$dir/open" |
		grep -c '^eBPF off: not permitted')" 1
	"$top" -j -d 0.2 --registry "$dir/open" --no-bpf >"$dir/json" 2>"$dir/err" &
	local pid=$!
	sleep 0.6
	kill $daemon
	wait $pid
	is registry_gone "$?" 69
	check registry_gone_says_so "$(cat "$dir/err")" grep -q 'agnocast-top: ' "$dir/err"
}

# The real library, where the examples are built.
test_examples()
{
	local bin=$BUILD/examples
	if ! [ -x "$bin/hello_talker" ] || ! [ -x "$bin/hello_listener" ]; then
		skip examples "not built"
		return
	fi
	MEMPOOL_SIZE=16M "$bin/hello_listener" >"$dir/listener" 2>&1 &
	local listener=$!
	MEMPOOL_SIZE=16M "$bin/hello_talker" >"$dir/talker" 2>&1 &
	local talker=$!
	victims+=("$listener" "$talker")
	if ! until_true 5 grep -q heard "$dir/listener"; then
		skip examples "they do not talk: $(head -n 1 "$dir/talker" "$dir/listener" | tr '\n' ' ')"
		return
	fi
	"$top" -j -n 1 -d 3 >"$dir/json"
	local topic=".topics[] | select([.endpoints[].pid] | contains([$talker]))"
	that example_rate "$topic | .hz > 1.5 and .hz < 2.5"
	that example_latency "$topic | .latency_samples > 0 and .latency_p50_ns > 100"
	that example_pool "[.procs[] | select(.pid == $talker) | .heap_used > 0 and .heap_committed >= .mempool_size and .mempool_size >= 16777216] == [true]"
	that example_own "[.maps[] | select(.pid == $talker and .role == \"own\") | .perm, .wrong] == [\"rw-s\", false]"
	that example_reader "[.maps[] | select(.pid == $listener and .owner_pid == $talker) | .perm, .state] == [\"r--s\", \"ok\"]"
	kill $talker $listener
}

if ! [ -x "$victim" ]; then
	victim=$dir/top_victim
	${CC:-cc} -std=gnu11 -I"$root/include" -o "$victim" "$here/top_victim.c" \
		"$root/lib/registry_client.c" -lrt || exit 1
fi
if [ -z "${AGNOCAST_REGISTRY:-}" ]; then
	start_daemon registry
	export AGNOCAST_REGISTRY=$dir/registry
fi
test_usage
start_pair
test_json
test_text
test_looking_changes_nothing
test_area_is_not_trusted
test_bpf
test_screen
test_refused_and_exited
test_examples
test_no_btf
test_no_root
echo "$passed passed, $failed failed, $skipped skipped"
[ $failed -eq 0 ]
