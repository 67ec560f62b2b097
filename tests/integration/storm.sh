#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
#
# storm.sh - agnocast-top's files and formats, and a storm of processes
#
# Recordings, Prometheus, filters and exit status; then all views, under ASan and
# UBSan where that was built, while processes join and are killed: no crash, no
# wrong row. Prints ok, not ok and skip lines, then the sum.

set -u
here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
BUILD=${BUILD:-$root/build}
top=$BUILD/cli/agnocast-top
victim=$BUILD/tests/integration/top_victim
dir=$(mktemp -d)
chmod 755 "$dir"
. "$here/top_common.sh"
trap finish EXIT

[ -z "${AGNOCAST_VM:-}" ] || [ "${STORM_IN_VM:-no}" = yes ] || none "the same natively; STORM_IN_VM=yes runs it here too"
# An emulated machine gets a smaller storm, without sanitizers, and more time.
storms_wanted=(0 1 0 1) samples=25 sessions=10 deadline=30
if [ -n "${AGNOCAST_VM:-}" ]; then
	storms_wanted=(0 1) samples=30 sessions=2 deadline=100
elif [ -x "$BUILD/cli-san/agnocast-top" ]; then
	top=$BUILD/cli-san/agnocast-top
fi

test_exit_status()
{
	is exit_no_such_recording "$(status_of "$top" -b -i "$dir/none")" 64
	check exit_names_the_recording "$(cat "$dir/err")" grep -qF "$dir/none" "$dir/err"
	: >"$dir/empty"
	is exit_empty_recording "$(status_of "$top" -b -i "$dir/empty")" 64
	echo '{"schema":9,"tool":"agnocast-top"}' >"$dir/newer"
	is exit_newer_schema "$(status_of "$top" -b -i "$dir/newer")" 64
	check exit_says_which_schema "$(cat "$dir/err")" grep -q 'schema 9' "$dir/err"
	head -c 3000 "$here/top_scene.jsonl" >"$dir/cut"
	is exit_cut_recording "$(status_of "$top" -j -i "$dir/cut")" 64
	is exit_no_place_to_record "$(status_of "$top" -b -n1 -d0.1 --no-bpf -o "$dir/none/file")" 64
	is exit_full_disk "$(status_of "$top" -b -n1 -d0.1 --no-bpf -o /dev/full)" 70
	is exit_record_and_replay "$(status_of "$top" -i x -o y)" 64
	local wrong
	for wrong in -px -p '-tx y' --color=maybe "--filter=$(printf '%0200d' 1)"; do
		is "exit_refuses_${wrong:0:14}" "$(status_of "$top" "$wrong")" 64
	done
}

test_recording()
{
	"$top" -j -n 3 -d 0.2 -o "$dir/recording" >"$dir/stream"
	check recording_is_what_was_shown "they differ" cmp "$dir/stream" "$dir/recording"
	"$top" -i "$dir/recording" -j >"$dir/again"
	check replay_is_what_was_recorded "they differ" cmp "$dir/recording" "$dir/again"
	"$top" -i - -j -n 1 <"$dir/recording" >"$dir/json"
	is replay_reads_standard_input "$(wc -l <"$dir/json")" 1
	"$top" -b -n 2 -d 0.2 --view topics -o "$dir/recording" >/dev/null
	is text_records_all "$(jq -c 'has("maps") and has("fails")' "$dir/recording" | sort -u)" true
	"$top" -i "$here/top_scene.jsonl" -j >"$dir/again"
	check old_recordings_are_read "they differ" cmp "$here/top_scene.jsonl" "$dir/again"
}

test_prometheus()
{
	"$top" --prom >"$dir/prom"
	check prometheus_format "$("$here/prometheus.py" "$dir/prom" 2>&1)" "$here/prometheus.py" "$dir/prom"
	check prometheus_counts "$(grep published "$dir/prom")" \
		grep -qE "^agnocast_publisher_messages_total\{topic=\"/victim/talk\",pid=\"${talk[0]}\",comm=\"top_victim\",node=\"talk\",id=\"[0-9]+\"\} [1-9]" "$dir/prom"
	check prometheus_drops "$(grep dropped "$dir/prom")" \
		grep -qE "^agnocast_subscription_dropped_total\{.*pid=\"$hear\".*\} 7$" "$dir/prom"
	"$top" --prom -i "$here/top_scene.jsonl" >"$dir/prom"
	check prometheus_of_a_recording "$("$here/prometheus.py" "$dir/prom" 2>&1)" \
		"$here/prometheus.py" "$dir/prom"
	# And the checker sees what is wrong.
	local name
	for name in 's/^# TYPE.*messages_total.*//' 's/} \([0-9]\)/} x\1/' 's/topic="/topic="\x5cx/' '$d'; do
		sed "$name" "$dir/prom" >"$dir/broken"
		[ "$name" != '$d' ] || cat "$dir/prom" >>"$dir/broken"
		check "prometheus_checker_sees_$name" "it passed" eval "! '$here/prometheus.py' '$dir/broken'"
	done
}

test_filters()
{
	start_victim lonely talk "$registry" /victim/lonely
	"$top" -j -n 1 -d 0.2 --no-bpf --filter '!peer' >"$dir/json"
	that filter_peer '[.topics[].topic] == ["/victim/lonely"]'
	"$top" -j -n 1 -d 0.2 --no-bpf -p "$hear" >"$dir/json"
	that filter_pid "[.topics[].topic] == [\"/victim/talk\"] and [.procs[].pid] == [$hear]"
	"$top" -j -n 1 -d 0.2 --no-bpf -t '/victim/t*' >"$dir/json"
	that filter_topic "[.topics[].topic] == [\"/victim/talk\"] and ([.procs[].pid] | sort) == ([${talk[0]}, $hear] | sort)"
	is filter_text "$("$top" -b -n 1 -d 0.2 --no-bpf --filter lonely | grep -c '^[~ ] /victim')" 1
	"$top" -j -n 1 -d 0.2 --no-bpf -t /victim/talk >"$dir/json"
	local sub='.topics[0].endpoints[] | select(.kind == "subscription")'
	that claims_have_an_age "$sub | (.claims | length) == 1 and .claims[0].age > 0 and .claims[0].age < 600000000000"
	that buckets_are_there "$sub | .latency_buckets[12] == 990 and .latency_buckets[20] == 10 and (.latency_buckets | length) == 21"
	kill "${victims[-1]}"
	wait "${victims[-1]}" 2>/dev/null
}

# Joins, talks a little, and is killed; over and over, until $dir/calm is there.
storm()
{
	local number=$1 pid
	while [ ! -e "$dir/calm" ]; do
		MEMPOOL_SIZE=1M "$BUILD/tests/integration/robot" "/storm$number" 5 \
			pub "/storm/$number" 200 100 2 pub /storm/all 50 100 2 \
			sub "/storm/$((1 - number))" 2 1 1 sub /storm/all 3 1 0 \
			<"$dir/storm.in" >/dev/null 2>&1 &
		pid=$!
		sleep "0.$((RANDOM % 5 + 1))"
		kill -KILL $pid
		wait $pid 2>/dev/null
	done
}

tm() { tmux -L "agnocast-top-$$-$server" "$@"; }
server=none
test_storm()
{
	local storms=() view
	mkfifo "$dir/storm.in"
	exec {storm_in}<>"$dir/storm.in"
	for i in "${storms_wanted[@]}"; do
		storm $i & storms+=($!)
	done
	"$top" -j -d 0.1 -n $samples >"$dir/stream" 2>"$dir/err" &
	local stream=$!
	is storm_text "$(status_of "$top" -b -n 5 -d 0.1 --view all)" 0
	if command -v tmux >/dev/null; then
		for view in topics procs maps graph fails; do
			server=$view	# its own: the one before may just be ending
			tm -f /dev/null new-session -d -x 80 -y 24 \
				"env -u TMUX ASAN_OPTIONS=detect_leaks=0 sh -c '$top -n 5 -d 0.1 --view $view 2>$dir/err.$view; echo status \$? >$dir/end.$view'"
			until_true 3 test -s "$dir/end.$view" || tm send-keys Down Enter Down Escape
			check "storm_screen_$view" "$(cat "$dir/end.$view" "$dir/err.$view" 2>&1)" \
				until_true $deadline grep -qx 'status 0' "$dir/end.$view"
		done
	fi
	wait $stream
	is storm_json_ends_well "$?" 0
	: >"$dir/calm"
	wait "${storms[@]}"
	exec {storm_in}>&-
	jq -s . "$dir/stream" >"$dir/json"
	that storm_is_all_there "length == $samples"
	that storm_had_processes "[.[].procs[] | select(.comm == \"robot\") | .session] | unique | length > $sessions"
	that storm_lists_each_once '[.[] | (.procs | map(select(.session and (.exited | not)) | .session)) | length == (unique | length)] | all'
	that storm_topics_have_their_ends '[.[].topics[] | .topic as $t | .endpoints[] | .pid > 0 and ($t | startswith("/"))] | all'
	that storm_has_no_wrong_mapping '[.[].maps[] | select(.wrong and .report != "refused")] == []'
	that storm_rates_are_of_what_was_published '[.[] | .interval as $ns | .topics[].endpoints[] | select(.hz) | .hz * $ns / 1e9 < (.published // .taken) + 1] | all'
	check storm_leaves_nothing "$(ls /dev/shm | head -n 5)" until_true 10 \
		eval "'$top' -j -n 1 -d 0.1 --no-bpf | jq -e '[.procs[] | select(.comm == \"robot\" and (.exited | not))] == []'"
}

if [ -n "${AGNOCAST_VM:-}" ]; then
	registry=/dev/agnocast
elif [ -n "${AGNOCAST_REGISTRY:-}" ]; then
	registry=$AGNOCAST_REGISTRY
else
	start_daemon registry
	export AGNOCAST_REGISTRY=$dir/registry
	registry=$AGNOCAST_REGISTRY
fi
test_exit_status
start_victim talk talk "$registry"
talk=("${said[@]}")
start_victim hear hear "$registry" "${talk[@]}"
hear=${said[0]}
until_true 5 grep -q "agnocast@${talk[0]}" "/proc/$hear/maps"
test_recording
test_prometheus
test_filters
test_storm
echo "$passed passed, $failed failed, $skipped skipped"
[ $failed -eq 0 ]
