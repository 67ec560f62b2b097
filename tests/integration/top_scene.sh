#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
#
# top_scene.sh FILE - record agnocast-top on a small robot, for tests and docs
#
# Starts an agnocastd and ten processes, lets a few things go wrong, and records
# some refreshes in FILE. The result is kept in the tree (tests/integration/
# top_scene.jsonl): run this again only when the recording lacks something.

set -eu
if [ "${SCENE:-}" != own ]; then	# its own pids, so that nobody else is in the picture
	exec env SCENE=own unshare --pid --fork --mount --mount-proc --ipc "$0" "$@"
fi
mount -t tmpfs -o size=2G tmpfs /dev/shm
file=$(realpath "$1")
here=$(cd "$(dirname "$0")" && pwd)
BUILD=$(realpath "${BUILD:-$here/../../build}")
dir=$(mktemp -d /tmp/agnocast-scene.XXXXXX)
pids=() numbers=()
export AGNOCAST_REGISTRY=$dir/agnocastd.sock MEMPOOL_SIZE=64M

finish()
{
	kill "${pids[@]}" 2>/dev/null || :
	wait || :
	rm -rf "$dir"
}
trap finish EXIT

"$BUILD/tools/agnocastd" --socket "$AGNOCAST_REGISTRY" &
pids+=($!)
until [ -S "$AGNOCAST_REGISTRY" ]; do sleep 0.05; done

# robot NAME ARGUMENT... - one process called NAME, its node is /NAME
robot()
{
	local name=$1
	shift
	ln -s "$BUILD/tests/integration/robot" "$dir/$name"
	mkfifo "$dir/$name.in"
	"$dir/$name" "/$name" "$@" 0<>"$dir/$name.in" >"$dir/$name.out" &
	pids+=($!)
	eval "$name=$!"
	until grep -qs ready "$dir/$name.out"; do sleep 0.05; done
}

lidar=/sensing/lidar/top/points
camera=/sensing/camera0/image
robot lidar_driver 5 pub $lidar 10 4800000 5 pub /sensing/lidar/top/status 1 200 1
robot camera0 5 pub $camera 30 1800000 4
robot imu_driver 5 pub /sensing/imu/data 100 320 10
robot ndt_matcher 2 sub $lidar 5 1 2 sub /sensing/imu/data 10 1 0 sub /map/vector_map -1 1 1 \
	pub /localization/pose 50 350 1
robot euclid_cluster 5 sub $lidar 2 1 0 pub /perception/objects 9.8 110000 2
robot traffic_light 5 sub $camera 2 1 1 sub /map/vector_map -1 1 0 \
	pub /perception/traffic_light 9.9 20000 1
robot planner 5 sub /localization/pose 1 1 0 sub /perception/objects 2 1 0 \
	sub /perception/traffic_light 1 70 0 pub /planning/trajectory 10 11000 1 \
	pub /planning/markers 1 4000 -10
robot controller 2 sub /planning/trajectory 1 1 0 sub /localization/pose 1 1 0 \
	pub /control/command 33 48 1
robot rviz_bridge 20 sub $lidar 1 1 1 sub $camera 1 2 1 sub /perception/objects 1 1 0 \
	sub /planning/markers -10 1 3 sub /diagnostics_agg 10 1 0
robot rosbag_rec 20 sub /sensing/imu/data 100 1 0 sub $lidar 10 1 0
robot map_loader 100 pub /map/vector_map 0.2 900000 -1
sleep 3

COLUMNS=80 "$BUILD/cli/agnocast-top" -b -d 1 -n 5 -o "$dir/recording" >/dev/null &
top=$!
until [ -s "$dir/recording" ]; do sleep 0.1; done
# One that makes calls which fail, one that ends.
"$BUILD/tests/integration/top_victim" calls 0x1b0000000000 </dev/null >/dev/null || :
kill "$rosbag_rec"
wait $top
sed 's|"where":"[^"]*"|"where":"/run/agnocast/agnocastd.sock"|' "$dir/recording" | tail -n 3 >"$file"
wc -c "$file"
