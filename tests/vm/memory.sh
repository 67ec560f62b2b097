#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
#
# memory.sh - the limits on memory that belong to a whole machine; in the VM, as root
#
# Strict overcommit, and the memory cgroup: ENOMEM or a refused join where the
# kernel says no, never a SIGBUS. Where a cgroup is full the kernel kills: the
# program is then dead by SIGKILL, and nothing of it is left.

# shellcheck disable=SC2015,SC2016 # ok() never fails; $0 is for the inner shell
set -u
programs=$BUILD/tests/integration
export AGNOCAST_LIB=$BUILD/lib/libagnocast.so MEMPOOL_SIZE=2M HEAP_TEST_SCALE=10
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
passed=0 failed=0

ok() { echo "ok $1"; passed=$((passed + 1)); }
not_ok() { echo "not ok $1: $2"; failed=$((failed + 1)); }

# results NAME COMMAND... - count the results that the command prints, through a
# pipe: no file could grow while it uses all there is
results()
{
	local name=$1 line out status
	shift
	out=$("$@" 2>&1)
	status=$?
	while IFS= read -r line; do
		case $line in
		"ok "*) ok "${name}_${line#ok }" ;;
		"not ok "*) not_ok "${name}_${line#not ok }" "" ;;
		esac
	done <<<"$out"
	[ $status -eq 0 ] || not_ok "$name" "status $status"
	[[ $out == *ok\ * ]] || not_ok "$name" "said: $out"
}

# Nothing of ours may count as promised that is only addresses.
overcommit()
{
	echo 40 >/proc/sys/vm/overcommit_ratio
	echo 2 >/proc/sys/vm/overcommit_memory
	results overcommit env LD_PRELOAD="$AGNOCAST_LIB" timeout 100 "$programs/heap_fork"
	results overcommit env LD_PRELOAD="$AGNOCAST_LIB" timeout 100 "$programs/heap_limits" exhaust
	echo 0 >/proc/sys/vm/overcommit_memory
	echo 50 >/proc/sys/vm/overcommit_ratio
}

# in_group LIMIT COMMAND... - in a cgroup of that many bytes; status as it ended
in_group()
{
	local group=/sys/fs/cgroup/agnocast-test status
	mkdir -p $group
	echo "$1" >$group/memory.max
	echo 1 >$group/memory.oom.group
	shift
	bash -c 'echo $$ >/sys/fs/cgroup/agnocast-test/cgroup.procs; exec "$@"' - "$@"
	status=$?
	for _ in $(seq 100); do rmdir $group 2>/dev/null && break; sleep 0.05; done
	return $status
}

cgroup()
{
	local before after limit status
	if ! echo +memory >/sys/fs/cgroup/cgroup.subtree_control 2>/dev/null; then
		not_ok cgroup "no memory controller"
		return
	fi
	# The kernel reports a kill at length, which is no complaint; others are.
	dmesg | grep -E 'WARNING: |BUG|Oops|Call Trace|refcount_t:' &&
		not_ok cgroup "the kernel complained before"
	before=$(stat -f -c %f /dev/shm)
	MEMPOOL_SIZE=4M in_group 200M env LD_PRELOAD="$AGNOCAST_LIB" "$programs/heap_join" \
		>"$work/out" 2>&1
	[ "$(head -n 1 "$work/out")" = "0 " ] && ok cgroup_joins ||
		not_ok cgroup_joins "$(head -n 1 "$work/out")"
	# A pool that the limit forbids is refused, not killed for.
	MEMPOOL_SIZE=64M in_group 48M "$programs/heap_mlock" publish </dev/null >"$work/out" 2>&1
	status=$?
	limit='MEMPOOL_SIZE is 67174400 .* /sys/fs/cgroup/agnocast-test/memory.max leaves only [1-4][0-9]{7}: '
	[ $status -lt 128 ] && grep -qE "$limit" "$work/out" && ok cgroup_refuses_to_participate ||
		not_ok cgroup_refuses_to_participate "status $status, $(head -n 1 "$work/out")"
	MEMPOOL_SIZE=8M in_group 48M "$programs/heap_mlock" publish </dev/null >"$work/out" 2>&1 &&
		ok cgroup_participates || not_ok cgroup_participates "$(head -n 1 "$work/out")"
	in_group 48M env LD_PRELOAD="$AGNOCAST_LIB" timeout -s INT 100 "$programs/heap_limits" \
		exhaust >"$work/out" 2>&1
	status=$?
	# 137: SIGKILL by the kernel; 135 would be SIGBUS.
	[ $status -eq 137 ] && ok cgroup_kills_without_sigbus ||
		not_ok cgroup_kills_without_sigbus "status $status"
	dmesg | grep -E 'WARNING: |BUG|Oops|refcount_t:' && not_ok cgroup "the kernel complained"
	dmesg -C
	# The next one to come removes what a killed one left behind.
	for _ in $(seq 100); do
		MEMPOOL_SIZE=2M "$programs/heap_guest" all "" >/dev/null 2>&1
		after=$(stat -f -c %f /dev/shm)
		[ "$after" -ge $((before - 2000)) ] && break
		sleep 0.1
	done
	[ "$after" -ge $((before - 2000)) ] && ok cgroup_leaves_no_memory_behind ||
		not_ok cgroup_leaves_no_memory_behind "$before blocks, then $after"
}

overcommit
cgroup
echo "$passed passed, $failed failed"
[ $failed -eq 0 ]
