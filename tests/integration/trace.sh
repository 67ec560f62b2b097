#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
#
# trace.sh - agnocast trace against processes that fail in known ways
#
# Wants $BUILD (build/). As root, in namespaces of its own: /dev/shm and queues
# are private, no limit of the machine is changed. Prints `ok`, `not ok`, `skip`
# lines, then `N passed, N failed, N skipped`; status 1 on failure.

set -u
here=$(cd "$(dirname "$0")" && pwd)
. "$here/sandbox.sh"

fail=$BUILD/tests/integration/trace_victim

# trace [OPTION...] COMMAND... - what it says goes to $dir/trace (JSON: the objects only)
trace()
{
	"$agnocast" trace -j "$@" >"$dir/all" 2>"$dir/err"
	status=$?
	grep '^{"schema"' "$dir/all" >"$dir/trace"
}

# victim NAME CAUSE WORDS COMMAND... - for explained(): its trace has faults of that cause only,
# which says those words and what to do
names=() causes=() words=()
victim()
{
	names+=("$1") causes+=("$2") words+=("$3")
	echo "( echo \$BASHPID >$dir/$1.pid; exec $(printf '%q ' "${@:4}") )"  >>"$dir/victims"
}

# explained [OPTION...] - run those victims under one tracer (starting one takes a second), then judge each
explained()
{
	local i name
	trace "$@" -c bash "$dir/victims"
	is "${names[0]}_and_so_on_are_faults" "$status" 1
	for i in "${!names[@]}"; do
		name=${names[i]}
		jq -c --argjson pid "$(cat "$dir/$name.pid")" 'select(.fault and .pid == $pid)' "$dir/trace" >"$dir/faults"
		check "${name}_has_its_cause" "got '$(jq -r .cause "$dir/faults")', wanted '${causes[i]}'" \
			grep -qxE "${causes[i]}" <(jq -r .cause "$dir/faults" | sort -u | xargs)
		check "${name}_says_why" "$(jq -r .why "$dir/faults"); $(cat "$dir/err")" \
			grep -qE -- "${words[i]}" <(jq -r .why "$dir/faults")
		check "${name}_says_what_to_do" "no remedy" jq -se '[.[].do | length > 0] | all' "$dir/faults"
	done
	names=() causes=() words=()
	rm -f "$dir/victims"
}

test_usage()
{
	local wrong
	is usage_help "$("$agnocast" trace --help >"$dir/out"; echo $?)" 0
	check usage_help_is_complete "no exit status in it" grep -q 'Exit status' "$dir/out"
	for wrong in -p0 -px -p1,,2 -d0 -dx --nothing word -c; do
		is "usage_refuses_$wrong" "$("$agnocast" trace "$wrong" >"$dir/out" 2>&1; echo $?)" 64
	done
	is usage_names_the_commands "$("$agnocast" help | grep -cE '^  (trace|doctor|run|ls) ')" "$("$agnocast" help | grep -cE '^  [a-z]+ +[a-z]')"
	is usage_no_command "$("$agnocast" >"$dir/out" 2>&1; echo $?)" 64
	is usage_unknown_command "$("$agnocast" nonsense >"$dir/out" 2>&1; echo $?)" 64
	is usage_version "$("$agnocast" --version)" "agnocast 0.1.0"
}

test_can_trace()
{
	"$agnocast" trace -p $$ -d 0.1 >"$dir/out" 2>"$dir/err"
	local status=$?
	[ $status -eq 0 ] && { ok nothing_is_no_fault; return; }
	# Where this machine lets nobody, there is nothing more to test.
	check refusal_says_why "$(cat "$dir/err")" grep -q 'eBPF: ' "$dir/err"
	skip trace "$(tail -n 1 "$dir/err")"
	summary
	exit 0
}

# of NAME FILTER - jq over the events of the process that wrote $dir/NAME.pid
of() { jq -s -c --argjson pid "$(cat "$dir/$1.pid")" "[.[] | select(.pid == \$pid)] | $2" "$dir/trace"; }

# counted NAME - how many of which calls that was
counted()
{
	of "$1" '.[].call' | tr -d '"' | sort | uniq -c |
		awk '{ printf "%s%s=%d", n++ ? " " : "", $2, $1 }'
}
ALL_CALLS="fallocate=2 ftruncate=3 mmap=13 mq_open=7 mq_receive=7 mq_send=17 munmap=11 shm_open=5"

test_counts()
{
	victim calls - - "$BUILD/tests/integration/top_victim" calls $at
	victim flood - - "$BUILD/tests/integration/top_victim" flood 23
	victim own - - "$fail" own_ways $at
	victim family - - sh -c "$fail left_over; exit 3"
	trace -a -c bash "$dir/victims" </dev/null
	names=() causes=() words=()
	rm "$dir/victims"
	is all_calls_are_shown "$(counted calls)" "$ALL_CALLS"
	is all_faults_are_marked "$(of calls 'map(select(.fault)) | length')" 19
	is twenty_three_are_twenty_three "$(of flood '[length, (map(select(.fault)) | length)]')" "[23,23]"
	is own_ways_are_no_fault "$(of own '[length, (map(select(.fault)) | length)]')" "[4,0]"
	is children_are_traced "$(jq -c 'select(.cause == "stale-area" and .comm == "trace_victim") | .fault' "$dir/trace")" true
	is end_is_said "$(tail -n 1 "$dir/trace" | jq -c '[.end, .events, .faults, .lost]')" "[true,94,43,0]"
	trace -c /no/such/command
	is command_not_found "$status $(wc -l <"$dir/trace")" "127 2"
}

test_text()
{
	"$agnocast" trace -T -c "$fail" twice $at >"$dir/out" 2>"$dir/err"
	check text_has_a_header "$(cat "$dir/out")" grep -qE '^TIME +PID +COMM +CALL' "$dir/out"
	check text_has_the_call "$(cat "$dir/out")" grep -qE "^[0-9]{2}:[0-9]{2}:[0-9]{2}\.[0-9]{6} +[0-9]+ trace_victim +mmap +/agnocast@[0-9]+ r-- ${at#0x}\+16G SHARED\|FIXED_NOREPLACE +EEXIST File exists [0-9.]+[num]?s" "$dir/out"
	check text_says_why "$(cat "$dir/out")" grep -qE "^  why: ${at#0x}-[0-9a-f]+ r--s \(agnocast@[0-9]+\) lies there already" "$dir/out"
	check text_says_what_to_do "$(cat "$dir/out")" grep -q '^  do:  ' "$dir/out"
	is text_counts "$(cat "$dir/err")" "1 events, 1 faults, 0 lost"
}

doctor_of_ebpf() { "$agnocast" doctor -j | jq -r '.checks[] | select(.check == "eBPF") | .text'; }

# What depends on what the kernel lets a program see.
plan_kernel()
{
	case $(doctor_of_ebpf) in
	*"all mappings"*) victim mmap_in_the_way_of_a_file file-in-the-way "r--p \(trace_victim\) is in the way of ${at#0x}\+16G" "$fail" file $at ;;
	# Before 6.7 only what lies at the ends is found by the kernel; else while the process lives.
	*) victim mmap_in_the_way_of_something '(file-)?in-the-way' "in the way of ${at#0x}\+16G" "$fail" file $at ;;
	esac
	victim mmap_overwrites overwritten 'MAP_FIXED replaced 2[0-9a-f]+1000\+4K|MAP_FIXED replaced [0-9a-f]+\+4K' "$fail" overwrite $at
	# The kernel may be too busy to look the mapping up; without a registry nothing else tells.
	victim fault_writing_to_a_peer 'wrote-message|segv' "pid [0-9]+ wrote into bash's memory, which is read-only|a write to another's message" "$fail" write_to_peer $at
}

# OPTIONS COMMAND... - with /dev/shm mounted so; for victims
with_shm=(unshare -m sh -c 'mount -o "$1" /dev/shm && shift && exec "$@"' sh)

test_causes()
{
	plan_kernel
	victim mmap_twice mapped-twice 'agnocast@' "$fail" twice $at
	victim mmap_access read-only-file 'writable mapping of agnocast@' "$fail" access $at
	victim mmap_write_only write-only-file 'not open for reading' "$fail" write_only $at
	victim mmap_misaligned misaligned "${at#0x}.*page size|page size" "$fail" invalid $at
	victim mmap_empty empty 'size is 0' "$fail" empty $at
	victim mmap_at_zero at-zero 'address 0' "$fail" at_zero
	victim mmap_beyond beyond-address-space 'ends beyond [0-9a-f]+, where' "$fail" beyond $at
	victim mmap_bad_fd closed-descriptor 'descriptor 12345' "$fail" bad_fd $at
	victim mmap_over_the_address_limit address-limit '16G more are over RLIMIT_AS \(1G\)' "$fail" address_limit $at
	victim mmap_too_many too-many-maps "$(cat /proc/sys/vm/max_map_count) \(vm.max_map_count\)" "$fail" many_maps $at
	victim mmap_after_mlockall mlockall 'mlockall\(MCL_FUTURE\) 16G more .* RLIMIT_MEMLOCK \([0-9]+M\)' "$fail" locked $at
	victim mmap_of_no_type no-type 'neither MAP_SHARED' "$fail" no_type $at
	victim mmap_reserves_twice reserved-twice '---p .*a reservation of the window' "$fail" reserved $at
	victim mmap_in_the_way_of_memory memory-in-the-way "r--p \(no file\) is in the way of ${at#0x}\+16G" "$fail" memory $at
	victim mmap_may_not_lock may-not-lock 'RLIMIT_MEMLOCK is 0' "$fail" may_not_lock $at
	victim mmap_over_the_lock_limit lock-limit 'more locked memory than 4K' "$fail" lock_limit $at
	victim mmap_reserves_over_the_limit reservation-limit "16T are over RLIMIT_AS \(1G\)" "$fail" reservation_limit
	victim mmap_of_a_noexec_file noexec 'noexec mount' "${with_shm[@]}" bind,remount,noexec "$fail" noexec $at
	victim munmap_misaligned unmap-misaligned 'no multiple' "$fail" unmap_misaligned $at
	victim munmap_splits unmap-splits 'mappings of [0-9]+: it' "$fail" unmap_splits $at
	plan_files
	plan_queues
	plan_faults
	explained
}


# An AddressSanitizer program and a window where its shadow lies: as real as it gets.
test_asan()
{
	local registry=$AGNOCAST_REGISTRY
	start_daemon low --window-base 0x40000000000 --areas 16
	export AGNOCAST_REGISTRY=$dir/low
	victim asan asan "2008fff7000-10007fff8000 rw-p" "${fail}_asan" asan 0x40000000000
	explained
	AGNOCAST_REGISTRY=$registry
}

plan_files()
{
	victim file_left_over stale-area 'was left by a killed process' "$fail" left_over
	victim file_of_nobody owner-gone 'agnocast@4194305 is not there' "$fail" no_owner
	victim file_of_another no-right-to-read '0640' "$fail" no_right
	victim file_is_a_link link-in-the-way 'symbolic link' "$fail" link
	victim file_limit file-limit 'more than 64K' "$fail" file_limit
	victim file_limit_grow file-limit-grow 'more than 64K' "$fail" file_limit_grow
	victim file_of_another_user foreign-file 'another user' "$fail" foreign_file
	victim file_is_open_for_reading "lost-descriptor truncate-read-only" 'not open for writing' "$fail" read_only_descriptor
	victim shm_is_read_only read-only-shm 'read-only' "${with_shm[@]}" bind,remount,ro "$fail" read_only_shm
	victim shm_is_no_tmpfs no-tmpfs-fallocate 'no tmpfs' unshare -m sh -c "mount -t ramfs ramfs /dev/shm; exec $fail no_tmpfs"
}

# A /dev/shm of 1 MiB.
test_full()
{
	mount -t tmpfs -o mode=1777,size=1M,nr_inodes=40 tmpfs /dev/shm
	victim shm_full shm-full '/dev/shm \(1M\) has no room for 64M more' "$fail" full
	victim shm_full_at_a_touch shm-full-fault '/dev/shm \(1M\) is full' "$fail" full_fault $at
	victim shm_without_inodes no-inode 'no inode left' "$fail" no_inode
	explained
	umount /dev/shm
}

plan_queues()
{
	victim queue_bytes queue-bytes 'RLIMIT_MSGQUEUE \(1\)' "$fail" queue_bytes
	victim queue_size queue-size 'larger than 10 messages or 8192 bytes' "$fail" queue_size
	victim queues_max no-queue-left 'all 256 message queues' unshare -i "$fail" queues_max
	victim queue_of_nobody peer-without-queue 'has no queue new_publisher@4194305' "$fail" no_queue
	victim message_size "long-hint short-buffer" "takes shorter messages than 9" "$fail" message_size
	victim queue_left queue-left 'killed process' "$fail" queue_left
	victim queue_of_another_user queue-of-other-user "another user" "$fail" queue_of_other_user
	victim queue_is_closed "queue-closed queue-closed-reader" 'is no queue open for' "$fail" queue_closed
	victim no_descriptor "no-descriptor no-descriptor-queue" "no descriptor left of 64" "$fail" no_descriptor
}

plan_faults()
{
	victim fault_not_mapped nothing-there "nothing is mapped at ${at#0x}" "$fail" not_mapped $at
	victim fault_beyond_the_file no-page "no memory at [0-9a-f]+" "$fail" cut $at
}

# Members that touch what is not theirs; /hello is the talker's.
test_members()
{
	local writer=$BUILD/tests/integration/trace_writer area
	area=$("$plain" ls -j mappings | jq -r ".maps[] | select(.pid == $talker and .role == \"own\") | .start")
	victim fault_behind_a_message file-cut "into the area of hello_talker \(pid $talker\), whose file ends at" "$writer" /hello beyond
	victim fault_behind_the_own_heap wild-own 'its own area, of which only' "$writer" /other own
	victim fault_in_a_peer_not_mapped peer-not-mapped "used hello_talker's control part, which it has not mapped" "$writer" /other $area
	victim fault_where_nobody_is released 'of a process that has ended' "$writer" /other $at
	explained
}

# The whole of it: the real library, and whose message it was.
test_message()
{
	export MEMPOOL_SIZE=16M
	"$BUILD/examples/hello_talker" >"$dir/talker" 2>&1 &
	talker=$!
	processes+=($talker)
	until_true 10 sh -c "'$BUILD/cli/agnocast-top' -j -n 1 -d 0.1 --no-bpf --view topics | grep -q hello"
	victim fault_in_a_message wrote-message "pid [0-9]+ wrote into hello_talker's message on /hello, which is read-only" "$BUILD/tests/integration/trace_writer" /hello
	explained -t '/hel*'
	is fault_names_the_owner "$(jq -r 'select(.fault) | .owner, .owner_pid, .topic, .error' "$dir/trace" | xargs)" "hello_talker $talker /hello SIGSEGV"
}

test_topic()
{
	trace -t /other -c "$BUILD/tests/integration/trace_writer" /hello
	is other_topic_does_not "$status $(wc -l <"$dir/trace")" "0 2"
	kill $talker
	wait $talker 2>/dev/null
	trace -a -c "$BUILD/examples/hello_talker" --help
	is the_library_makes_no_fault "$(jq -c 'select(.fault)' "$dir/trace")" ""
	check the_library_is_seen "$(cat "$dir/trace")" grep -q '"call":"mmap"' "$dir/trace"
	unset MEMPOOL_SIZE
}

# stopped PID
stopped() { grep -q '^State:.*T' "/proc/$1/status"; }

# hold_one - a process that maps twice is held, and goes on; its pid is $held
hold_one()
{
	local tracer
	: >"$dir/out"	# the shell that starts it empties it later than we look
	"$agnocast" trace --hold -c "$fail" twice $at >"$dir/out" 2>"$dir/err" &
	tracer=$!
	until_true 15 grep -q 'do: ' "$dir/out"
	held=$(awk '/EEXIST/ { print $2 }' "$dir/out")
	check hold_stops_it "$(cat "$dir/out" "$dir/err")" until_true 5 stopped "$held"
	kill -CONT "$held" || kill $tracer
	wait $tracer
	is hold_goes_on "$?" 1
}

test_pid()
{
	mkfifo "$dir/go"
	sh -c "read x <'$dir/go'; exec '$fail' left_over" &
	local pid=$! tracer
	: >"$dir/trace"
	"$agnocast" trace -j -p "$pid,1" >"$dir/trace" 2>"$dir/err" &
	tracer=$!
	until_true 30 grep -q '"start":true' "$dir/trace"
	"$fail" no_queue
	echo >"$dir/go"
	wait $pid
	until_true 30 grep -q '"fault":true' "$dir/trace"
	kill -INT $tracer
	wait $tracer
	is pid_ends_with_a_signal "$?" 1
	is pid_chooses "$(jq -r 'select(.fault) | .pid' "$dir/trace" | sort -u)" "$pid"
}

test_without()
{
	local user=(setpriv --reuid 65534 --regid 65534 --clear-groups)
	"${user[@]}" "$agnocast" trace -d 1 >"$dir/out" 2>"$dir/err"
	is without_root_status "$?" 77
	check without_root_says_why "$(cat "$dir/err")" grep -q 'not permitted; run as root' "$dir/err"
	"$agnocast" trace -p $$ -d 0.2 --registry /no/registry >"$dir/out" 2>"$dir/err"
	is without_registry_status "$?" 0
	check without_registry_says_so "$(cat "$dir/err")" grep -q 'default window' "$dir/err"
	"$agnocast" trace -a -c sh -c "for i in 1 2 3 4 5; do $fail left_over; done" 2>"$dir/err" | head -n 1 >"$dir/out"
	check reader_gone_ends_it "status ${PIPESTATUS[0]}" test "${PIPESTATUS[0]}" -le 1
}

# A kernel without BTF: the same calls are seen; a failure comes with less, unless its process
# is held. Its BTF in a file brings all of it back.
test_no_btf()
{
	local traced=$agnocast agnocast=$dir/hidden
	cat >"$agnocast" <<-END
		#!/bin/sh
		exec unshare -m sh -c 'mount -t tmpfs tmpfs /sys/kernel/btf && exec "\$@"' sh '$traced' "\$@"
	END
	chmod +x "$agnocast"
	victim calls - - "$BUILD/tests/integration/top_victim" calls $at
	victim access - - "$fail" access $at
	victim link - - "$fail" link
	victim child - - sh -c "$fail left_over; exit 3"
	victim stray - - "$fail" not_mapped $at
	victim flood - - "$BUILD/tests/integration/top_victim" flood 23
	trace -a -c bash "$dir/victims" </dev/null
	names=() causes=() words=()
	check no_btf_is_said "$(cat "$dir/err")" grep -q 'no BTF' "$dir/err"
	is no_btf_sees_all_calls "$(counted calls)" "$ALL_CALLS"
	is no_btf_sees_all_faults "$(of calls 'map(select(.fault)) | length')" 19
	is no_btf_counts_exactly "$(of flood '[length, (map(select(.fault)) | length)]')" "[23,23]"
	is no_btf_knows_how_a_file_was_opened "$(of access 'map(select(.fault)) | map(.cause)')" '["read-only-file"]'
	is no_btf_sees_signals "$(of stray 'map(select(.fault)) | map(.cause)')" '["nothing-there"]'
	is no_btf_follows_children "$(jq -c 'select(.cause == "stale-area" and .comm == "trace_victim") | .fault' "$dir/trace")" true
	is no_btf_says_null_for_unknown "$(of link 'map(select(.fault)) | [.[0].cause, .[0].task_size]')" '["link-in-the-way",null]'
	hold_one
	is no_btf_names_what_is_in_the_way_of_the_held "$(grep -c "agnocast@$held) lies there already" "$dir/out")" 1
	if [ ! -r /sys/kernel/btf/vmlinux ]; then
		skip btf_file "no BTF to be put into a file"
		return
	fi
	cp /sys/kernel/btf/vmlinux "$dir/btf"
	"$agnocast" trace -j --btf "$dir/btf" -c "$fail" address_limit $at >"$dir/out" 2>"$dir/err"
	is btf_file_brings_it_back "$(jq -r 'select(.fault) | .cause' "$dir/out")" address-limit
	check btf_file_leaves_nothing_out "$(cat "$dir/err")" eval "! grep -q BTF '$dir/err'"
	AGNOCAST_BTF=$fail "$agnocast" trace -d 1 >"$dir/out" 2>"$dir/err"
	is btf_of_nothing_is_refused "$?" 69
	check btf_of_nothing_is_named "$(cat "$dir/err")" grep -qF "$fail: no BTF file" "$dir/err"
}

at=0x$(printf '%x' $((0x180000000000 + (16 << 30) * 700)))
if [ -n "${AGNOCAST_VM:-}" ] && [ "${TRACE_IN_VM:-no}" != all ]; then
	# What depends on the kernel and on the module; the rest is the same natively.
	unset AGNOCAST_REGISTRY
	plan_kernel
	victim unknown_command other-abi 'does not know this command' "$fail" unknown_command
	explained
	test_message
	summary
	exit
fi
start_daemon registry
export AGNOCAST_REGISTRY=$dir/registry
test_usage
test_can_trace
test_counts
test_text
test_causes
test_full
test_asan
test_message
test_members
test_topic
hold_one
test_pid
test_without
test_no_btf
summary
