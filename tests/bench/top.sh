#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
#
# top.sh [PROCESSES [SECONDS]] - what agnocast-top costs beside a robot of that size
#
# Each process publishes two topics and reads two of its neighbours'. Says how
# much of one core agnocast-top takes at one refresh a second, in each mode, and
# how much agnocastd takes to answer it. Uses its own agnocastd; needs tmux.

set -eu
here=$(cd "$(dirname "$0")" && pwd)
BUILD=$(realpath "${BUILD:-$here/../../build}")
processes=${1:-100} seconds=${2:-15}
dir=$(mktemp -d /tmp/agnocast-bench.XXXXXX)
export AGNOCAST_REGISTRY=$dir/socket MEMPOOL_SIZE=2M TERM=xterm-256color
pids=()

finish()
{
	tmux -L "agnocast-bench-$$" kill-server 2>/dev/null || :
	kill "${pids[@]}" 2>/dev/null || :
	wait "${pids[@]}" 2>/dev/null || :
	sleep 1			# agnocastd removes their names
	kill $daemon
	wait $daemon 2>/dev/null || :
	rm -rf "$dir"
}
trap finish EXIT

# used PID - nanoseconds on a processor
used() { cut -d' ' -f1 "/proc/$1/schedstat"; }

# share BEFORE AFTER - percent of one core over the seconds measured
share() { awk -v ns=$(($2 - $1)) -v s="$seconds" 'BEGIN { printf "%.2f %%", ns / s / 1e7 }'; }

"$BUILD/tools/agnocastd" --socket "$AGNOCAST_REGISTRY" &
daemon=$!
until [ -S "$AGNOCAST_REGISTRY" ]; do sleep 0.05; done
mkfifo "$dir/input"
exec {input}<>"$dir/input"
for ((i = 0; i < processes; i++)); do
	a=$(((i + 1) % processes)) b=$(((i + 2) % processes))
	"$BUILD/tests/integration/robot" "/node$i" 250 pub "/bench/$i/first" 4 1000 2 \
		pub "/bench/$i/second" 2 5000 2 sub "/bench/$a/first" 2 1 0 \
		sub "/bench/$b/second" 2 1 1 <"$dir/input" >"$dir/out.$i" &
	pids+=($!)
done
for ((i = 0; i < processes; i++)); do
	until grep -qs ready "$dir/out.$i"; do sleep 0.05; done
done
sleep 2

# measure NAME OPTION... - the options go to agnocast-top on a screen of 80x24, or alone
measure()
{
	local name=$1 pid before daemon_before
	shift
	case " $* " in
	*" -b "*|*" -j "*)
		"$BUILD/cli/agnocast-top" "$@" >/dev/null &
		pid=$!
		;;
	*)
		tmux -L "agnocast-bench-$$" -f /dev/null new-session -d -x 80 -y 24 \
			"env -u TMUX sh -c 'echo \$\$ >$dir/pid; exec $BUILD/cli/agnocast-top $*'"
		until [ -s "$dir/pid" ]; do sleep 0.1; done
		pid=$(cat "$dir/pid")
		rm "$dir/pid"
		;;
	esac
	sleep 3
	before=$(used $pid) daemon_before=$(used $daemon)
	sleep "$seconds"
	printf '%-28s %8s of a core; agnocastd %s\n' "$name" \
		"$(share "$before" "$(used $pid)")" "$(share "$daemon_before" "$(used $daemon)")"
	kill $pid
	while kill -0 $pid 2>/dev/null; do sleep 0.1; done
}

"$BUILD/cli/agnocast-top" --no-bpf -b -n 1 -d 0.5 | head -n 2
before=$(used $daemon)
sleep "$seconds"
printf '%-28s %8s              agnocastd %s\n' "nobody looks" "" "$(share "$before" "$(used $daemon)")"
measure "screen, topics" --no-bpf
measure "screen, maps" --no-bpf --view maps
measure "screen, graph" --no-bpf --view graph
measure "screen, topics, eBPF"
measure "text, topics" --no-bpf -b
measure "JSON, everything" --no-bpf -j
