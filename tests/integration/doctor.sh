#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
#
# doctor.sh - agnocast doctor, run and ls
#
# Wants $BUILD (build/). As root, in namespaces of its own, so that /dev/shm and
# the queues can be made small, full and dirty: against agnocastd, in the VM against
# /dev/agnocast, where DOCTOR_IN_VM=yes runs all of it and else what the module may
# change. Prints `ok`, `not ok`, `skip` lines, then `N passed, N failed, N skipped`;
# status 1 on failure.

set -u
here=$(cd "$(dirname "$0")" && pwd)
. "$here/sandbox.sh"
. "$here/cgroup.sh"

victim=$BUILD/tests/integration/top_victim
hello=$BUILD/examples/hello_talker
unset AGNOCAST_REGISTRY MEMPOOL_SIZE LD_PRELOAD

# start NAME COMMAND... - back when it said something; its pid is $started
start()
{
	local name=$1
	shift
	: >"$dir/$name.out"
	"$@" <"$dir/never" >"$dir/$name.out" 2>&1 &
	started=$!
	processes+=($started)
	until_true 10 test -s "$dir/$name.out" || cat "$dir/$name.out"
}

# doctor [OPTION...] - JSON in $dir/json, its status in $status
doctor()
{
	"$agnocast" doctor -j "$@" >"$dir/json" 2>"$dir/err"
	status=$?
}

# says NAME CHECK LEVEL WORDS
says()
{
	check "$1" "$(jq -c ".checks[] | select(.check == \"$2\")" "$dir/json")" jq -e --arg words "$4" \
		"[.checks[] | select(.check == \"$2\" and .level == \"$3\") | .text | test(\$words)] | any" "$dir/json"
}

# remedy NAME CHECK WORDS
remedy()
{
	check "$1" "$(jq -c ".checks[] | select(.check == \"$2\")" "$dir/json")" jq -e --arg words "$3" \
		"[.checks[] | select(.check == \"$2\") | .do | test(\$words)] | any" "$dir/json"
}

test_usage()
{
	local command wrong
	for command in doctor run ls; do
		is "${command}_help" "$(status_of "$agnocast" $command --help)" 0
		check "${command}_help_is_complete" "no exit status in it" grep -q 'Exit status' "$dir/out"
		is "${command}_version" "$(status_of "$agnocast" $command -V)" 0
		is "${command}_refuses_an_option" "$(status_of "$agnocast" $command --nothing)" 64
	done
	for wrong in -p0 -px -p1,2 --explain=nonsense word; do
		is "doctor_refuses_$wrong" "$(status_of "$agnocast" doctor "$wrong")" 64
	done
	is ls_refuses_a_word "$(status_of "$agnocast" ls nonsense)" 64
	is run_wants_a_command "$(status_of "$agnocast" run)" 64
	is run_refuses_a_size "$(status_of "$agnocast" run -m 3x true)" 64
	check run_names_the_size "$(cat "$dir/err")" grep -q 'MEMPOOL_SIZE="3x"' "$dir/err"
}

# Each option that --help names is in the man page and in both completions.
test_documents()
{
	local command option page
	for command in trace doctor run ls; do
		page=$(ls "$root"/docs/man/agnocast-$command.[18])
		for option in $("$agnocast" $command --help | grep -oE -- '--[a-z]+' | sort -u); do
			case $option in --help | --version) continue ;; esac
			check "man_${command}_has_$option" "not in $page" grep -qF -- "${option//-/\\-}" "$page"
			check "completions_have_$command$option" "missing" sh -c "grep -qe '$option' '$root/tools/completion/agnocast.bash' && grep -qe '$option' '$root/tools/completion/_agnocast'"
		done
		check "man_${command}_has_the_exit_status" "$page" grep -q '^.SH EXIT STATUS' "$page"
	done
}

# The same of agnocast-top; bash asks --help itself.
test_documents_of_top()
{
	local option
	for option in $("$(dirname "$agnocast")/agnocast-top" --help | grep -oE -- '--[a-z][a-z-]+' | sort -u); do
		case $option in --help | --version) continue ;; esac
		check "man_top_has_$option" "not in agnocast-top.8" grep -qF -- "${option//-/\\-}" "$root/docs/man/agnocast-top.8"
		check "zsh_completes_top$option" "missing" grep -qe "$option\[\|$option}" "$root/tools/completion/_agnocast"
	done
}

# completed WORD... - what bash would offer for the last of these words
completed()
{
	bash -c '. "$0"; PATH=$(dirname "$1"):$PATH; shift; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _agnocast
		echo "${COMPREPLY[@]}"' "$root/tools/completion/agnocast.bash" "$agnocast" "$@"
}

test_completion()
{
	is completes_commands "$(completed agnocast t)" trace
	is completes_options "$(completed agnocast trace --ho)" --hold
	is completes_errors "$(completed agnocast doctor --explain SIGB)" SIGBUS
	is completes_topics "$(completed agnocast trace -t /hel)" /hello
	is completes_pids "$(completed agnocast doctor -p "$talker")" "$talker"
	is completes_lists "$(completed agnocast ls pro)" processes
}

test_explain()
{
	is explain_errno "$(status_of "$agnocast" doctor --explain enomem)" 0
	check explain_errno_has_its_causes "$(cat "$dir/out")" grep -q 'vm.max_map_count' "$dir/out"
	"$agnocast" doctor --explain mmap -j >"$dir/json"
	is explain_call_is_of_that_call "$(jq -r '[.causes[].call] | unique[]' "$dir/json")" mmap
	check explain_call_has_many "$(cat "$dir/json")" jq -e '.causes | length > 20' "$dir/json"
	is explain_number_is_a_name "$("$agnocast" doctor --explain 12)" "$("$agnocast" doctor --explain ENOMEM)"
}

test_without_registry()
{
	[ -z "${AGNOCAST_VM:-}" ] || export AGNOCAST_REGISTRY=$dir/none
	doctor
	is no_registry_is_a_failure "$status" 2
	says no_registry_is_said registry fail 'no registry|cannot reach the registry .*/none'
	remedy no_registry_has_a_remedy registry 'modprobe|start agnocastd there'
	is no_registry_for_ls "$(status_of "$agnocast" ls)" 69
	unset AGNOCAST_REGISTRY
}

# What the module may change, in a quarter of a minute of an emulated machine.
test_essentials()
{
	start talker "$agnocast" run -m 16M "$hello"
	talker=$started
	doctor
	is healthy_status "$status" 0
	says healthy_registry registry ok "$home .* the same version as the tools; 1 processes, 1 topics"
	is ls_json "$("$agnocast" ls -j | jq -c '[.topics[0].topic, .procs[0].comm, .maps[0].perm]')" '["/hello","hello_talker","rw-s"]'
	start talk "$victim" talk /dev/agnocast
	test_refusal
}

test_healthy()
{
	start talker "$agnocast" run -m 16M "$hello"
	talker=$started
	doctor
	is healthy_status "$status" 0
	is healthy_says_nothing_bad "$(jq -c '[.failures, .warnings]' "$dir/json")" "[0,0]"
	says healthy_registry registry ok "$home .* the same version as the tools; 1 processes, 1 topics"
	says healthy_window 'address window' ok '180000000000\+16T is free'
	says healthy_shm /dev/shm ok 'of 512M are used'
	says healthy_queues 'message queues' ok '1 of 256'
	says healthy_cgroup 'memory cgroup' ok '^no limit|^[0-9.]+[KMGTP] left: /'
	says healthy_mappings mappings ok '1 mappings'
	doctor -p "$talker"
	is one_process_status "$status" 0
	says one_process_area processes ok "pid $talker hello_talker: area 180000000000, .* 1 publishers"
	is one_process_only "$(jq -r '[.checks[].check] | index("logind")' "$dir/json")" null
	doctor -p $$
	is no_member_status "$status" 2
	says no_member_is_said processes fail "process $$ has not joined"
	remedy no_member_remedy processes 'agnocast run'
	doctor -p 4194303
	says no_process_is_said processes fail 'no process 4194303'
	"$agnocast" doctor -q >"$dir/out"
	is quiet_is_one_line "$(wc -l <"$dir/out") $(tail -n 1 "$dir/out")" "1 0 failures, 0 warnings, 14 ok, 0 skipped"
}

test_ls()
{
	"$agnocast" ls >"$dir/out"
	check ls_topics "$(cat "$dir/out")" grep -qE '^/hello +1 +0 +4 +[1-9]' "$dir/out"
	"$agnocast" ls -l >"$dir/out"
	check ls_endpoints "$(cat "$dir/out")" grep -qE "^  pub +$talker hello_talker +talker +depth 4 +published [0-9]+" "$dir/out"
	"$agnocast" ls processes mappings >"$dir/out"
	check ls_processes "$(cat "$dir/out")" grep -qE "^ *$talker hello_talker +0 +1 +0 +180000000000 +[0-9.]+[KM]? +16" "$dir/out"
	check ls_mappings "$(cat "$dir/out")" grep -qE "^ *$talker +180000000000-180400000000 +rw-s +$talker hello_talker +own +ok" "$dir/out"
	is ls_json "$("$agnocast" ls -j | jq -c '[.topics[0].topic, .procs[0].comm, .maps[0].perm]')" '["/hello","hello_talker","rw-s"]'
	is ls_json_of_one "$("$agnocast" ls -j topics | jq -c '[has("topics"), has("maps")]')" '[true,false]'
}

# A reader that refuses what it has mapped.
test_refusal()
{
	local hear
	read -ra said <"$dir/talk.out"
	mkfifo "$dir/line"
	"$victim" hear "${AGNOCAST_REGISTRY:-/dev/agnocast}" "${said[@]:1}" <"$dir/line" >"$dir/hear.out" 2>&1 &
	hear=$!
	processes+=($hear)
	exec 8>"$dir/line"
	until_true 10 test -s "$dir/hear.out"
	echo >&8		# now it refuses what it has mapped
	until_true 5 sh -c "'$agnocast' ls mappings | grep -q EEXIST"
	doctor
	is refused_status "$status" 2
	says refused_names_who_and_what mappings fail "pid $hear top_victim .*pid ${said[1]}'s memory"
	remedy refused_remedy mappings 'window'
	kill "$hear"
	wait "$hear" 2>/dev/null
	exec 8>&-
}

# A publisher without addresses left for a reader's control part: the other way round.
test_refusing_publisher()
{
	local talker reader
	start limited_talker sh -c "ulimit -v 17200000; exec '$plain' run -m 16M '$hello'"
	talker=$started
	start quiet "$plain" run -m 16M "$BUILD/tests/integration/robot" quiet 100 sub /hello 4 100000 0
	reader=$started
	until_true 10 sh -c "'$agnocast' ls mappings | grep -q '$talker hello_talker .*ENOMEM'"
	doctor
	is refusing_publisher_status "$status" 2
	says refusing_publisher_is_named mappings fail "pid $talker hello_talker could not map pid $reader's memory: ENOMEM; .* and 1G more are over its RLIMIT_AS \\(16"
	remedy refusing_publisher_remedy mappings 'ulimit -v unlimited'
	"$(dirname "$agnocast")/agnocast-top" -j -n 1 -d 0.1 --no-bpf >"$dir/json"
	check refusing_publisher_is_a_failure "$(jq -c .fails "$dir/json")" jq -e \
		".fails | any(.pid == $talker and .cause == \"refused-limit\" and .error == \"ENOMEM\" and .source == \"registry\" and (.do | length > 0))" "$dir/json"
	check refusing_publisher_is_a_wrong_mapping "$(jq -c .maps "$dir/json")" jq -e \
		".maps | any(.pid == $talker and .role == \"ctl\" and .wrong and .state == \"ENOMEM\")" "$dir/json"
	kill "$talker" "$reader"
	wait "$talker" "$reader" 2>/dev/null
}

test_sick_processes()
{
	start limited sh -c "ulimit -n 32; exec '$agnocast' run -m 16M '$hello'"
	limited=$started
	prlimit --pid "$limited" --as=100000000000000
	prlimit --pid "$limited" --nofile=6
	doctor -p "$limited"
	is limits_status "$status" 1
	says limit_of_addresses limits warn "pid $limited hello_talker: RLIMIT_AS is"
	says limit_of_descriptors limits warn "pid $limited hello_talker: [0-9]+ of 6 descriptors"
	kill "$limited"
	wait "$limited" 2>/dev/null
	start island unshare -m sh -c "mount -t tmpfs tmpfs /dev/shm; exec '$agnocast' run -m 16M '$hello'"
	doctor -p "$started"
	says another_shm namespaces warn "pid $started with another /dev/shm"
	kill "$started"
	wait "$started" 2>/dev/null
	start foreigner unshare -i "$agnocast" run -m 16M "$hello"
	doctor -p "$started"
	says another_ipc_namespace namespaces warn "pid $started in another IPC namespace"
	kill "$started"
	wait "$started" 2>/dev/null
	start lost env LD_PRELOAD="$BUILD/lib/libagnocast.so" sh -c 'echo ready; read x'
	doctor
	says preloaded_but_not_joined preload warn "pid.* $started .*has not joined|pid.* $started loaded"
	kill "$started"
	wait "$started" 2>/dev/null
}

test_sick_machine()
{
	mount -t tmpfs -o mode=1777,size=8M tmpfs /dev/shm
	doctor
	is small_shm_status "$status" 1
	says small_shm /dev/shm warn '8M in all, the MEMPOOL_SIZEs of those that run are 17M|8M in all'
	head -c 9M /dev/zero >/dev/shm/filling 2>/dev/null
	doctor
	is full_shm_status "$status" 2
	says full_shm /dev/shm fail '8M of 8M'
	remedy full_shm_remedy /dev/shm 'remount,size='
	umount /dev/shm
	"$BUILD/tests/integration/trace_victim" queues_max
	doctor
	says many_queues 'message queues' warn '256 of 256'
	remedy many_queues_remedy 'message queues' 'queues_max'
	rm /dev/mqueue/other.*
	mount -o bind,ro /dev/shm /dev/shm
	doctor
	says read_only_shm /dev/shm fail read-only
	umount /dev/shm
	sh -c "ulimit -v 200000; exec '$plain' doctor -j" >"$dir/json" 2>"$dir/err"
	says window_over_the_limit 'address window' warn "can't be had here"
}

# A group that leaves too little for the caller, for a member, for a member that grew.
test_memory_group()
{
	local limit left
	if ! make_memory_group 256M; then
		skip memory_group "may not make a memory cgroup here"
		return
	fi
	limit=$group/$group_limit
	"${in_group[@]}" "$agnocast" doctor -j >"$dir/json"
	says wide_group 'memory cgroup' ok "^[12][0-9.]+M left: $limit\$"
	MEMPOOL_SIZE=300M "${in_group[@]}" "$agnocast" doctor -j >"$dir/json"
	is narrow_group_status "$?" 2
	says narrow_group 'memory cgroup' fail "^[12][0-9.]+M left, MEMPOOL_SIZE=300M is refused .*: $limit\$"
	remedy narrow_group_remedy 'memory cgroup' 'raise it .*lower MEMPOOL_SIZE'
	doctor
	says another_group_is_no_matter 'memory cgroup' ok .
	doctor -p $$
	says group_of_a_process 'memory cgroup' ok .
	# Joined, without an endpoint: nothing was promised yet.
	start bystander "${in_group[@]}" "$agnocast" run -m 300M sh -c 'echo ready; read x'
	doctor -p "$started"
	says member_in_a_narrow_group 'memory cgroup' fail "^pid $started sh: [12][0-9.]+M left, an endpoint takes (29[0-9]|300)M .*: $limit\$"
	kill "$started"
	wait "$started" 2>/dev/null
	start full "${in_group[@]}" "$agnocast" run -m 64M "$hello"
	doctor -p "$started"
	is member_with_room_status "$status" 0
	says member_with_room 'memory cgroup' ok "^[12][0-9.]+M left: $limit\$"
	# Less than a tenth of what it has, and enough for those who fill it up.
	left=$(jq -r '.checks[] | select(.check == "memory cgroup") | .text' "$dir/json" | grep -oE '^[0-9]+')
	"${in_group[@]}" head -c $((left - 4))M /dev/zero >/dev/shm/filling
	doctor -p "$started"
	is member_without_room_status "$status" 1
	says member_without_room 'memory cgroup' warn "^pid $started hello_talker: .* left, it has .* and is killed for more: $limit\$"
	rm /dev/shm/filling
	kill "$started"
	wait "$started" 2>/dev/null
	check memory_group_is_gone "$group stays" remove_memory_group
}

# names - what there is, in one line
names() { ls /dev/shm /dev/mqueue | grep @ | sort | xargs; }

test_clean()
{
	local before dead other live
	live=$talker
	# A member of another registry that lives; one of a registry that died with its member.
	start_daemon other
	AGNOCAST_REGISTRY=$dir/other start stranger "$agnocast" run -m 16M "$hello"
	other=$started
	start_daemon doomed
	AGNOCAST_REGISTRY=$dir/doomed start dead "$agnocast" run -m 16M "$hello"
	dead=$started
	kill -KILL $daemon
	wait $daemon 2>/dev/null
	# The module leaves names of the dead to whoever joins next.
	[ $home = daemon ] || "$agnocast" doctor --clean -y >"$dir/out" 2>"$dir/err"
	doctor
	says nothing_is_left_while_all_live 'left objects' ok 'none \([0-9]+ of processes that live\)'
	kill -KILL "$dead"
	wait "$dead" 2>/dev/null
	# A dead one that wrote no header, names that are none of ours, a queue alone, a link.
	: >/dev/shm/agnocast@4194303
	: >/dev/shm/agnocast@12x
	: >/dev/shm/agnocast@007
	ln -s /etc/passwd /dev/shm/agnocast@4194302
	python3 -c "import ctypes; ctypes.CDLL('libc.so.6').mq_open(b'/new_publisher@4194301', 66, 0o600, None)"
	before=$(names)
	doctor
	is left_status "$status" 1
	says left_is_said 'left objects' warn '3 objects of dead processes'
	is asked_and_refused "$(echo n | "$agnocast" doctor --clean >"$dir/out" 2>"$dir/err"; echo $?) $(names)" "1 $before"
	check asked_with_a_list "$(cat "$dir/err")" grep -q "/agnocast@$dead: " "$dir/err"
	# A cleaner at the same work holds the lock.
	exec 9<"/dev/shm/agnocast@$dead"
	flock 9
	"$agnocast" doctor --clean -y -j >"$dir/json"
	is locked_status "$?" 1
	is locked_is_kept "$(jq -c "[.objects[] | select(.pid == $dead) | .removed, .reason]" "$dir/json")" '[false,"another process is cleaning it"]'
	exec 9<&-
	# Another user can prove nothing, and removes nothing.
	before=$(names)
	setpriv --reuid 65534 --regid 65534 --clear-groups "$agnocast" doctor --clean -y >"$dir/out" 2>"$dir/err"
	is nobody_removes_nothing "$(names)" "$before"
	"$agnocast" doctor --clean -y >"$dir/out" 2>"$dir/err"
	is clean_status "$?" 1		# the link is kept
	is clean_removes_the_dead_only "$(names)" "$(printf '%s\n' agnocast@12x agnocast@007 agnocast@4194302 \
		"agnocast@$live" "agnocast@$other" "agnocast@$talk" "new_publisher@$live" "new_publisher@$other" | sort | xargs)"
	check live_ones_go_on "ended" kill -0 "$live" "$other" "$talk"
	rm /dev/shm/agnocast@4194302
	is clean_again_has_nothing "$(status_of "$agnocast" doctor --clean -y)" 0
	# Without any registry what is open stays, too.
	AGNOCAST_REGISTRY=$dir/none "$agnocast" doctor --clean -y >"$dir/out" 2>"$dir/err"
	check clean_without_registry_keeps_the_living "$(names)" test -e "/dev/shm/agnocast@$live" -a -e "/dev/shm/agnocast@$other"
	kill "$other"
	wait "$other" 2>/dev/null
}

test_run()
{
	local registry=${AGNOCAST_REGISTRY:-}
	is run_sets_the_environment "$("$agnocast" run sh -c 'echo $LD_PRELOAD $MEMPOOL_SIZE')" "$(realpath "$BUILD/lib/libagnocast.so") 64M"
	is run_keeps_what_is_set "$(MEMPOOL_SIZE=16M LD_PRELOAD=libm.so.6 "$plain" run sh -c 'echo ${LD_PRELOAD##*:} $MEMPOOL_SIZE')" "libm.so.6 16M"
	is run_becomes_the_command "$(sh -c "echo \$\$; exec '$agnocast' run sh -c 'echo \$\$'" | uniq | wc -l)" 1
	is run_passes_the_status_on "$(status_of "$agnocast" run sh -c 'exit 7')" 7
	is run_finds_no_command "$(status_of "$agnocast" run /no/such)" 127
	is run_cannot_run_it "$(status_of "$agnocast" run /etc/passwd)" 126
	is run_wants_the_registry_it_is_told "$(status_of "$agnocast" run --registry "$dir/none" true)" 69
	is run_wants_its_library "$(status_of "$agnocast" run --lib /no/lib.so true)" 69
	unset AGNOCAST_REGISTRY
	# Nothing at the default places: else it is used, which is right as well.
	if [ -e /dev/agnocast ] || [ -e /run/agnocast/agnocastd.sock ]; then
		skip run_starts_a_registry "there is one"
		export AGNOCAST_REGISTRY=$registry
		return
	fi
	is run_starts_a_registry "$("$agnocast" run sh -c "'$plain' ls processes | grep -c ' sh '")" 1
	is run_passes_the_status_on_with_a_registry "$(status_of "$agnocast" run sh -c 'exit 7')" 7
	is run_says_which_signal "$(status_of "$agnocast" run sh -c 'kill -KILL $$')" 137
	is run_finds_no_command_with_a_registry "$(status_of "$agnocast" run /no/such)" 127
	"$agnocast" run sh -c 'echo $AGNOCAST_REGISTRY >'"$dir"'/where; exec sleep 100' &
	local pid=$!
	until_true 10 test -s "$dir/where"
	check run_has_a_socket "$(cat "$dir/where")" test -S "$(cat "$dir/where")"
	kill -TERM $pid
	wait $pid
	is run_passes_a_signal_on "$?" 143
	check run_leaves_nothing "$(cat "$dir/where")" test ! -e "$(dirname "$(cat "$dir/where")")"
	is run_leaves_no_memory "$(names | tr ' ' '\n' | grep -c "agnocast@$pid")" 0
	export AGNOCAST_REGISTRY=$registry
}

mkfifo "$dir/never"
exec {never}<>"$dir/never"
home=daemon
if [ -n "${AGNOCAST_VM:-}" ]; then
	home=kernel
	[ "${DOCTOR_IN_VM:-no}" = yes ] || { test_essentials; summary; exit; }
fi
test_usage
test_documents
test_documents_of_top
test_explain
test_without_registry
if [ $home = daemon ]; then
	start_daemon registry
	export AGNOCAST_REGISTRY=$dir/registry
fi
test_healthy
test_ls
test_completion
start talk "$victim" talk ${AGNOCAST_REGISTRY:-/dev/agnocast}
talk=$started
test_refusal
test_refusing_publisher
test_sick_processes
test_sick_machine
test_memory_group
test_clean
test_run
summary
