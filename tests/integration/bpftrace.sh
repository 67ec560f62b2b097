#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
#
# bpftrace.sh - the scripts of tools/bpftrace, each against something for it to see
#
# All run at once, since starting one takes seconds; each is fed until it has
# seen its share. Prints `ok`, `not ok`, `skip` lines, then `N passed, N failed,
# N skipped`; status 1 on failure.

set -u
here=$(cd "$(dirname "$0")" && pwd)
. "$here/sandbox.sh"

# Half a minute natively, many in an emulated machine.
[ -z "${AGNOCAST_VM:-}" ] || [ "${BPFTRACE_IN_VM:-no}" = yes ] || none "the same natively; BPFTRACE_IN_VM=yes runs it here too"
command -v bpftrace >/dev/null || none "not installed"
[ -e /sys/kernel/tracing/events/syscalls ] || mount -t tracefs tracefs /sys/kernel/tracing || none "no tracefs"
[ -e /sys/kernel/debug/tracing ] || mount -t debugfs debugfs /sys/kernel/debug || none "no debugfs"

lib=$(realpath "$BUILD/lib/libagnocast.so")
victim=$BUILD/tests/integration/trace_victim
at=0x$(printf '%x' $((0x180000000000 + (16 << 30) * 700)))

# watch NAME [OPTION...] - start a script; what it says goes to $dir/NAME
watch()
{
	local name=$1
	shift
	bpftrace -B none "$@" "$root/tools/bpftrace/agnocast-$name.bt" "$lib" >"$dir/$name" 2>&1 &
	echo $! >"$dir/$name.pid"
	processes+=($!)
}

# stop NAME - its maps are printed at the end
stop()
{
	local pid end=$((SECONDS + 150))
	pid=$(cat "$dir/$1.pid")
	# Again and again: bpftrace 0.17 hears a signal only while it waits for events. Under
	# emulation it takes its time to detach.
	until [ $SECONDS -ge $end ]; do
		kill -TERM "$pid" 2>/dev/null || break
		until_true 5 sh -c "! kill -0 $pid" && break
	done
	kill -KILL "$pid" 2>/dev/null
	wait "$pid" 2>/dev/null
}

# feed - a bit of everything that the scripts look for
feed()
{
	"$victim" twice $at
	"$BUILD/tests/integration/top_victim" calls $at </dev/null >/dev/null
	MEMPOOL_SIZE=1M LD_PRELOAD=$lib "$BUILD/tests/integration/heap_return" bystander >/dev/null
}

# attached NAME COUNT - it has so many probes; one more perf event for each CPU is its output
attached()
{
	local events
	events=$(find "/proc/$(cat "$dir/$1.pid")/fd" -lname '*perf_event*' 2>/dev/null | wc -l)
	[ "$events" -ge $(($(nproc) + $2)) ]
}

# Other tests run beside this one, and these scripts see their processes too.
mapfail_line=" trace_victim +mmap ${at}\+17179869184 fd [0-9]+: errno 17"
grow_line=' heap_return +0x18[0-9a-f]+\+[0-9]+: 0$'

# seen NAME - it has printed what is asked for, or has attached (stopped before that, it would
# say nothing; and what is on its way to it when it is stopped is lost)
seen()
{
	case $1 in
	mapfail) grep -qE "$mapfail_line" "$dir/$1" ;;
	grow) grep -qE "$grow_line" "$dir/$1" ;;
	mqsend) attached mqsend 2 ;;
	latency) attached latency 1 ;;
	esac
}

if [ -z "${AGNOCAST_VM:-}" ]; then
	start_daemon registry
	export AGNOCAST_REGISTRY=$dir/registry
fi
MEMPOOL_SIZE=16M "$BUILD/examples/hello_talker" >/dev/null 2>&1 &
processes+=($!)
MEMPOOL_SIZE=16M "$BUILD/examples/hello_listener" >"$dir/listener" 2>&1 &
processes+=($!)
until_true 20 grep -q heard "$dir/listener"

watch mapfail
watch mqsend
watch latency --usdt-file-activation
watch grow --usdt-file-activation
limit=40
[ -z "${AGNOCAST_VM:-}" ] || limit=200
end=$((SECONDS + ${BPFTRACE_SECONDS:-$limit}))
until { seen mapfail && seen grow && seen mqsend && seen latency; } || [ $SECONDS -ge $end ]; do
	feed
done
feed
sleep 2		# a message comes twice a second: what is asked is that some of them are seen
for name in mapfail mqsend latency grow; do
	stop $name
done

check mapfail_shows_the_call "$(head -c 600 "$dir/mapfail")" grep -qE "$mapfail_line" "$dir/mapfail"
check mapfail_counts "$(tail -n 5 "$dir/mapfail")" grep -qE '^@errors\[trace_victim, 17\]: [1-9]' "$dir/mapfail"
check mqsend_has_a_histogram "$(head -c 600 "$dir/mqsend")" grep -qE '^\[[0-9]+K?, [0-9]+K?\) +[1-9]' "$dir/mqsend"
check mqsend_counts "$(tail -n 8 "$dir/mqsend")" grep -qE '^@coalesced\[top_victim, [0-9]+\]: 6' "$dir/mqsend"
check mqsend_counts_failures "$(tail -n 8 "$dir/mqsend")" grep -qE '^@failed\[top_victim, [0-9]+, 90\]: 8' "$dir/mqsend"
check latency_names_the_topic "$(head -c 600 "$dir/latency")" grep -qF '@latency_ns[/hello]' "$dir/latency"
check latency_has_a_histogram "$(tail -n 5 "$dir/latency")" grep -qE '^\[[0-9]+[KM]?, [0-9]+[KM]?\) +[1-9]' "$dir/latency"
check grow_shows_growth "$(head -c 600 "$dir/grow")" grep -qE "$grow_line" "$dir/grow"
check grow_sums_up "$(tail -n 5 "$dir/grow")" grep -qE '^@bytes\[heap_return, [0-9]+\]: [0-9]{6,}' "$dir/grow"
summary
