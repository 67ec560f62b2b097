#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
#
# demo.sh - run the lidar pipeline, look at it while it runs, judge it
#
# driver -> /lidar/points -> filter -> /lidar/points_filtered -> viewer, which
# reads /lidar/points too: three processes, no copy of any cloud. Exits with 0
# only if every cloud was read where it was published, as it was written, at
# the rate asked for, every process exited with 0, and nothing stayed behind.
#
# From the environment:
#	SECONDS_TO_RUN	how long to publish (10)
#	RATE		clouds a second (10)
#	PCD		files to publish in turn; none: a simulated lidar
#	LEAF		the filter's cube in metres (auto)
#	BUILD		where the programs are (build)
#	DEMO_OUT	where the result goes as JSON ($BUILD/demo.json)
#	AGNOCAST_REGISTRY	use this one
#	MEMPOOL_SIZE	of each process (64M; 16M if /dev/shm is small)

set -eu

repo=$(cd "$(dirname "$0")/.." && pwd)
BUILD=${BUILD:-$repo/build}
out=${DEMO_OUT:-$BUILD/demo.json}
seconds=${SECONDS_TO_RUN:-10}
rate=${RATE:-10}
examples=$BUILD/examples

work=$(mktemp -d "${TMPDIR:-/tmp}/agnocast-demo.XXXXXX")
daemon=
module_loaded=
driver='' filter='' viewer=''
driver_exit=null filter_exit=null viewer_exit=null

die()
{
	echo "demo: $*" >&2
	exit 1
}

# problem TEXT - goes into the result and makes it a failure
problem()
{
	echo "$*" >>"$work/problems"
}

# alive PID - a child of ours that has not exited; one that is not waited for yet has
alive()
{
	[ -n "$1" ] && stat=$(cat "/proc/$1/stat" 2>/dev/null) || return 1
	case ${stat##*) } in
	[ZX]*) return 1 ;;
	esac
}

# tidy - on every way out
tidy()
{
	status=$?
	trap - EXIT
	for pid in $driver $filter $viewer $daemon; do
		if alive "$pid"; then
			kill "$pid" 2>/dev/null || :
		fi
	done
	wait
	[ -z "$module_loaded" ] || rmmod agnocast || status=1
	rm -rf "$work"
	exit $status
}

check_arguments()
{
	for program in lidar_driver lidar_filter lidar_viewer; do
		[ -x "$examples/$program" ] || die "$examples/$program is missing: run make"
	done
	command -v jq >/dev/null || die 'jq is missing: run tools/deps.sh demo'
	for number in "$seconds" "$rate"; do
		case $number in
		'' | . | *[!0-9.]* | *.*.*) die "SECONDS and RATE are positive numbers, not \"$number\"" ;;
		esac
		[ -n "$(printf %s "$number" | tr -d 0.)" ] || die 'SECONDS and RATE must not be 0'
	done
	for file in ${PCD:-}; do
		[ -f "$file" ] || die "$file: no such file (give PCD v0.7 files, or no PCD for a simulated lidar)"
	done
}

# choose_memory - a participant commits all of MEMPOOL_SIZE, and there are three
choose_memory()
{
	[ -z "${MEMPOOL_SIZE:-}" ] || return 0
	free_kb=$(df -Pk /dev/shm | awk 'NR == 2 { print $4 }')
	MEMPOOL_SIZE=64M
	[ "$free_kb" -ge $((4 * 65536)) ] || MEMPOOL_SIZE=16M
	[ "$free_kb" -ge $((3 * 16384 + 8192)) ] ||
		die "/dev/shm has $free_kb kB free, the demo needs 57344: mount -o remount,size=256M /dev/shm" \
			"(docker run --shm-size=256m)"
}

# module_here - print the path of a module built for this very kernel
module_here()
{
	find "$BUILD" "$repo/kernel" -maxdepth 4 -name agnocast.ko 2>/dev/null | while read -r ko; do
		case $(PATH=$PATH:/sbin:/usr/sbin modinfo -F vermagic "$ko" 2>/dev/null) in
		"$(uname -r) "*)
			echo "$ko"
			break
			;;
		esac
	done
}

# load_module - have /dev/agnocast there if that is possible
load_module()
{
	[ ! -c /dev/agnocast ] || return 0
	[ "$(id -u)" -eq 0 ] || return 1
	ko=$(module_here)
	[ -n "$ko" ] && PATH=$PATH:/sbin:/usr/sbin insmod "$ko" 2>"$work/insmod" || return 1
	module_loaded=$ko
	for _ in 1 2 3 4 5 6 7 8 9 10; do
		[ ! -c /dev/agnocast ] || return 0
		sleep 0.1
	done
	return 1
}

start_daemon()
{
	why='no /dev/agnocast'
	[ ! -e /dev/agnocast ] || why='/dev/agnocast is not for this user'
	[ ! -s "$work/insmod" ] || why="no /dev/agnocast; $(head -n 1 "$work/insmod")"
	[ -x "$BUILD/tools/agnocastd" ] || die "$why, and $BUILD/tools/agnocastd is missing: run make"

	"$BUILD/tools/agnocastd" --socket "$work/agnocastd.sock" &
	daemon=$!
	for _ in $(seq 50); do
		[ ! -S "$work/agnocastd.sock" ] || break
		alive $daemon || die 'agnocastd did not start'
		sleep 0.1
	done
	[ -S "$work/agnocastd.sock" ] || die 'agnocastd made no socket within 5 s'
	AGNOCAST_REGISTRY=unix:$work/agnocastd.sock
	registry="agnocastd, started for the demo ($why)"
}

choose_registry()
{
	if [ -n "${AGNOCAST_REGISTRY:-}" ]; then
		registry="$AGNOCAST_REGISTRY, as AGNOCAST_REGISTRY says"
	elif load_module && [ -r /dev/agnocast ] && [ -w /dev/agnocast ]; then
		AGNOCAST_REGISTRY=/dev/agnocast
		registry="/dev/agnocast${module_loaded:+, loaded for the demo from $module_loaded}"
	else
		start_daemon
	fi
	export AGNOCAST_REGISTRY
	echo "demo: registry: $registry"
}

start_pipeline()
{
	set --
	for file in ${PCD:-}; do
		set -- "$@" --pcd "$file"
	done

	# Set for these three alone: nothing else here needs a shared heap.
	MEMPOOL_SIZE=$MEMPOOL_SIZE "$examples/lidar_viewer" --stats "$work/viewer.json" &
	viewer=$!
	MEMPOOL_SIZE=$MEMPOOL_SIZE "$examples/lidar_filter" --leaf "${LEAF:-auto}" \
		--stats "$work/filter.json" &
	filter=$!
	MEMPOOL_SIZE=$MEMPOOL_SIZE "$examples/lidar_driver" --rate "$rate" --seconds "$seconds" \
		--wait-for 2 --stats "$work/driver.json" "$@" >"$work/driver.log" &
	driver=$!
	echo "demo: driver $driver, filter $filter, viewer $viewer"
}

pipeline_alive()
{
	alive "$driver" && alive "$filter" && alive "$viewer"
}

# snapshot - agnocast-top in both forms, while clouds flow
snapshot()
{
	top=$BUILD/cli/agnocast-top
	if [ ! -x "$top" ]; then
		echo 'agnocast-top is not built.' >"$work/top.txt"
		return 0
	fi
	timeout 60 "$top" -j -n 1 >"$work/top.json" 2>"$work/top.json.err" </dev/null &
	json=$!
	timeout 60 "$top" -b -n 1 --view all >"$work/top.txt" 2>&1 </dev/null ||
		problem "agnocast-top -b -n 1 --view all exited with $?"
	wait $json || problem "agnocast-top -j -n 1 exited with $?: $(head -n 1 "$work/top.json.err")"
	alive "$driver" || problem 'agnocast-top took longer than the pipeline ran: give more SECONDS'
}

# watch - from the first cloud to the last
watch()
{
	until [ -s "$work/driver.log" ] || ! pipeline_alive; do
		sleep 0.05
	done
	cat "$work/driver.log"
	if pipeline_alive; then
		sleep "$(awk -v s="$seconds" 'BEGIN { print s / 4 < 1 ? s / 4 : 1 }')"
		snapshot
	fi
	while pipeline_alive; do
		sleep 0.1
	done
	# If it was another that died, the driver would go on for nothing.
	if alive "$driver"; then
		kill "$driver"
	fi
}

# finish NAME PID - wait for the end, at most 20 s; its exit status goes to $finished
finish()
{
	for _ in $(seq 200); do
		alive "$2" || break
		sleep 0.1
	done
	if alive "$2"; then
		problem "the $1 did not end within 20 s and was killed"
		kill -9 "$2"
	fi
	finished=0
	wait "$2" || finished=$?
	[ $finished -eq 0 ] || problem "the $1 exited with $finished"
}

# stop_pipeline - upstream first, so that what is under way arrives
stop_pipeline()
{
	finish driver "$driver"
	driver_exit=$finished
	kill "$filter" 2>/dev/null || :
	finish filter "$filter"
	filter_exit=$finished
	kill "$viewer" 2>/dev/null || :
	finish viewer "$viewer"
	viewer_exit=$finished
}

# queues - print the directory that shows the message queues, mounted for us if need be
queues()
{
	if mountpoint -q /dev/mqueue; then
		echo /dev/mqueue
	elif mkdir "$work/mqueue" && mount -t mqueue none "$work/mqueue" 2>/dev/null; then
		echo "$work/mqueue"
	else
		echo 'demo: /dev/mqueue is not mounted: message queues are not looked for' >&2
	fi
}

# look_for_leftovers - shared memory and queues carry the pid of their owner
look_for_leftovers()
{
	queues=$(queues)
	for pid in $driver $filter $viewer; do
		for file in "/dev/shm/agnocast@$pid" "${queues:-/dev/mqueue}/new_publisher@$pid"; do
			[ ! -e "$file" ] || problem "${file##*/} was left behind"
		done
	done
	[ "$queues" != "$work/mqueue" ] || umount "$work/mqueue"
}

write_result()
{
	touch "$work/problems" "$work/top.txt" "$work/top.json"
	for name in driver filter viewer; do
		[ -e "$work/$name.json" ] || echo null >"$work/$name.json"
	done
	if ! jq -es . "$work/top.json" >"$work/top.checked" 2>/dev/null; then
		[ ! -s "$work/top.json" ] || problem 'agnocast-top -j wrote no JSON'
		echo null >"$work/top.checked"
	fi
	jq -n \
		--arg registry "$registry" --arg kernel "$(uname -r)" --arg mempool "$MEMPOOL_SIZE" \
		--argjson seconds "$seconds" --argjson rate "$rate" \
		--argjson exits "{\"driver\":$driver_exit,\"filter\":$filter_exit,\"viewer\":$viewer_exit}" \
		--rawfile problems "$work/problems" --rawfile top_text "$work/top.txt" \
		--slurpfile driver "$work/driver.json" --slurpfile filter "$work/filter.json" \
		--slurpfile viewer "$work/viewer.json" --slurpfile top "$work/top.checked" \
		-f "$repo/tools/demo.jq" >"$work/demo.json" || die 'the statistics could not be put together'
	# $out may be a port that can only be written.
	mkdir -p "$(dirname "$out")"
	cat "$work/demo.json" >"$out"
}

print_table()
{
	jq -r '.topics[] | [.topic, .from + " -> " + .to, .rate_hz, .messages, .drops,
		.bytes_per_message, .latency_us.p50, .latency_us.p99] | @tsv' "$work/demo.json" |
		awk -F '\t' '
		BEGIN {
			printf "%-24s %-17s %7s %8s %6s %10s %9s %9s\n", "TOPIC", "FROM -> TO", "Hz",
				"MESSAGES", "DROPS", "BYTES/MSG", "p50 us", "p99 us"
		}
		{
			printf "%-24s %-17s %7.1f %8d %6d %10d %9.1f %9.1f\n", $1, $2, $3, $4, $5, $6, $7, $8
		}'
}

# print_result - and be false if anything was wrong
print_result()
{
	echo
	echo "agnocast-top -b -n 1 --view all, while the pipeline was running:"
	echo
	cat "$work/top.txt"
	echo
	print_table
	echo
	jq -r '"demo: \(.proof.in_place) of \(.proof.read) clouds read at the address and with the checksum " +
		"that their publishers gave"' "$work/demo.json"
	jq -r '.problems[] | "demo: FAILED: " + .' "$work/demo.json"
	echo "demo: the same as JSON: $out"
	[ "$(jq .passed "$work/demo.json")" = true ] && echo 'demo: passed'
}

trap tidy EXIT
trap 'exit 130' INT
trap 'exit 143' TERM
trap 'exit 129' HUP

check_arguments
choose_memory
choose_registry
start_pipeline
watch
stop_pipeline
look_for_leftovers
write_result
print_result
