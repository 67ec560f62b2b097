# SPDX-License-Identifier: BSD-2-Clause
# shellcheck shell=bash
#
# cgroup.sh - memory control groups for tests; sourced

# memory_group - where this shell's memory cgroup may have one below it, and the name of its limit
memory_group()
{
	local below
	below=$(sed -n 's/^[0-9]*:\([^:]*,\)*memory\(,[^:]*\)*://p' /proc/self/cgroup)
	if [ -n "$below" ] && [ -w "/sys/fs/cgroup/memory$below" ]; then
		echo "/sys/fs/cgroup/memory${below%/} memory.limit_in_bytes"
		return
	fi
	below=$(sed -n 's/^0:://p' /proc/self/cgroup)
	# A VM is ours to change.
	[ -z "${AGNOCAST_VM:-}" ] || echo +memory >/sys/fs/cgroup/cgroup.subtree_control
	grep -qw memory "/sys/fs/cgroup${below%/}/cgroup.subtree_control" 2>/dev/null &&
		[ -w "/sys/fs/cgroup$below" ] && echo "/sys/fs/cgroup${below%/} memory.max"
}

# make_memory_group BYTES - a group of that limit: $group, with the limit's name in
# $group_limit, and what starts a command in it, as itself, in "${in_group[@]}";
# status 1 where none may be made
make_memory_group()
{
	group='' group_limit=''
	read -r group group_limit < <(memory_group)
	group=$group/agnocast-test.$$
	# shellcheck disable=SC2016,SC2034 # $$ is that shell's; whoever sources this uses it
	in_group=(bash -c 'echo $$ >"$0/cgroup.procs" && exec "$@"' "$group")
	[ -n "$group_limit" ] && mkdir "$group" 2>/dev/null && echo "$1" >"$group/$group_limit"
}

# remove_memory_group - status 1 if it stays; who was in it may still be going
remove_memory_group()
{
	for _ in $(seq 100); do rmdir "$group" 2>/dev/null && return; sleep 0.05; done
	return 1
}
