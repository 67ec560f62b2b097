#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
#
# heap.sh - the heap of real programs in shared memory
#
# Needs a registry (AGNOCAST_REGISTRY, or /dev/agnocast), BUILD and
# AGNOCAST_LIB. HEAP_TEST_SCALE is the per cent of repetitions (100).

# shellcheck disable=SC2015,SC2016 # ok() never fails; $0 is for the inner shell
set -u

programs=$BUILD/tests/integration
. "$(dirname "$0")/cgroup.sh"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
passed=0 failed=0 skipped=0

ok() { echo "ok $1"; passed=$((passed + 1)); }
not_ok() { echo "not ok $1: $2"; failed=$((failed + 1)); }
skip() { echo "skip $1: $2"; skipped=$((skipped + 1)); }

# have PROGRAM - or skip the test NAME
have() { command -v "$2" >/dev/null 2>&1 || { skip "$1" "no $2 here"; return 1; }; }

# ours COMMAND... - with our heap
ours() { LD_PRELOAD=$AGNOCAST_LIB "$@"; }

# lines FILE STATUS NAME [PREFIX] - count the results that a program printed itself
lines()
{
	local line
	while IFS= read -r line; do
		case $line in
		"ok "*) ok "${4-}${line#ok }" ;;
		"skip "*) skip "${4-}$(cut -d : -f 1 <<<"${line#skip }")" "${line#*: }" ;;
		"not ok "*) echo "not ok ${4-}${line#not ok }"; failed=$((failed + 1)) ;;
		esac
	done <"$1"
	[ "$2" -eq 0 ] || grep -q '^not ok ' "$1" || not_ok "$3" "status $2"
	[ -s "$1" ] || not_ok "$3" "said nothing"
}

# program NAME [ARGUMENT...] - one of our test programs, with our heap
program()
{
	local name=$1
	shift
	ours timeout 200 "$programs/$name" "$@" >"$work/out" 2>&1
	lines "$work/out" $? "$name"
}

# same NAME COMMAND... - output and status must not depend on whose heap it is
same()
{
	local name=$1 plain with
	shift
	"$@" >"$work/plain" 2>&1 </dev/null
	plain=$?
	ours "$@" >"$work/with" 2>&1 </dev/null
	with=$?
	if [ $plain -ne $with ]; then
		not_ok "$name" "status $with, without us $plain"
	elif ! cmp -s "$work/plain" "$work/with"; then
		not_ok "$name" "$(diff "$work/plain" "$work/with" | sed -n 2p)"
	else
		ok "$name"
	fi
}

# says NAME PATTERN COMMAND... - the first line of output must match
says()
{
	local name=$1 pattern=$2 line
	shift 2
	line=$("$@" 2>&1 | head -n 1)
	if [[ $line =~ $pattern ]]; then ok "$name"; else not_ok "$name" "$line"; fi
}

# --- the family, in each odd case, as libc has it

family()
{
	"$programs/heap_family" >"$work/plain" 2>&1
	if ! ours "$programs/heap_family" area >"$work/with" 2>"$work/err"; then
		not_ok family_lies_in_the_area "$(head -n 1 "$work/err")"
	else
		ok family_lies_in_the_area
	fi
	if cmp -s "$work/plain" "$work/with"; then
		ok family_behaves_as_libc
	else
		not_ok family_behaves_as_libc "$(diff "$work/plain" "$work/with" | sed -n 2,3p | tr '\n' ' ')"
	fi
	MEMPOOL_SIZE='' same family_without_a_pool_is_libc "$programs/heap_family"
}

# --- joining, and the sentence if not

joining()
{
	local join=$programs/heap_join
	says joins '^0 $' ours "$join"
	says joins_at_a_fixed_address '^0 $' ours "$programs/heap_join_fixed"
	says joins_without_its_descriptors '^0 $' ours "$join" early
	says joins_again_after_exec '^0 $' ours "$join" exec 3
	[ "$(ours "$join" exec 3 | grep -c '^0 $')" -eq 4 ] && ok each_exec_joins ||
		not_ok each_exec_joins "one of them did not"
	says needs_mempool_size '^-22 MEMPOOL_SIZE is not set: ' \
		env -u MEMPOOL_SIZE LD_PRELOAD="$AGNOCAST_LIB" "$join"
	MEMPOOL_SIZE='' says refuses_empty '^-22 MEMPOOL_SIZE is empty: ' ours "$join"
	MEMPOOL_SIZE=abc says refuses_abc '^-22 MEMPOOL_SIZE="abc" is not a number: ' ours "$join"
	MEMPOOL_SIZE=0 says refuses_zero '^-22 MEMPOOL_SIZE=0 leaves no memory' ours "$join"
	MEMPOOL_SIZE=-1 says refuses_negative '^-22 MEMPOOL_SIZE=-1 is negative: ' ours "$join"
	MEMPOOL_SIZE=99999999G says refuses_too_large '^-22 MEMPOOL_SIZE=99999999G is more than' \
		ours "$join"
	AGNOCAST_REGISTRY=unix:$work/nobody says needs_a_registry '^-[0-9]+ .*nobody' ours "$join"
	AGNOCAST_PREFAULT=2 says refuses_a_bad_switch '^-22 AGNOCAST_PREFAULT="2"' ours "$join"
	says refuses_a_taken_window '^-17 .*anonymous memory lies at' ours "$join" take
	says another_malloc_makes_a_guest "^0 .*malloc is not libagnocast's.*agnocast_alloc" \
		ours "$programs/heap_ownmalloc"
	says joins_under_a_limit_on_addresses '^0 $' \
		bash -c 'ulimit -v 40000000; LD_PRELOAD=$AGNOCAST_LIB exec "$0"' "$join"
	says refuses_a_small_limit_on_addresses '^-12 .*ulimit -v' \
		bash -c 'ulimit -v 8000000; LD_PRELOAD=$AGNOCAST_LIB exec "$0"' "$join"
	says refuses_a_small_limit_on_files '^-27 .*ulimit -f' \
		bash -c 'ulimit -f 1000; LD_PRELOAD=$AGNOCAST_LIB exec "$0"' "$join"
}

strict()
{
	local join=$programs/heap_join
	AGNOCAST_STRICT=1 says strict_joins '^0 $' ours "$join"
	AGNOCAST_STRICT=1 MEMPOOL_SIZE=abc says strict_says_why '^agnocast: MEMPOOL_SIZE="abc"' \
		ours "$join"
	AGNOCAST_STRICT=1 MEMPOOL_SIZE=abc ours "$join" >/dev/null 2>&1
	[ $? -eq 1 ] && ok strict_ends_with_1 || not_ok strict_ends_with_1 "it did not"
}

# A name is there while its process is, and not longer.
names()
{
	local join=$programs/heap_join pid=
	mkfifo "$work/fifo"
	: >"$work/out"
	LD_PRELOAD=$AGNOCAST_LIB "$join" pause <"$work/fifo" >"$work/out" &
	pid=$!
	exec 7>"$work/fifo"
	for _ in $(seq 200); do [ -s "$work/out" ] && break; sleep 0.05; done
	[ "$(stat -c %a "/dev/shm/agnocast@$pid" 2>&1)" = 640 ] && ok name_is_there_mode_0640 ||
		not_ok name_is_there_mode_0640 "$(stat -c %a "/dev/shm/agnocast@$pid" 2>&1)"
	exec 7>&-
	wait $pid
	[ ! -e "/dev/shm/agnocast@$pid" ] && ok name_goes_at_exit || not_ok name_goes_at_exit "left"
	LD_PRELOAD=$AGNOCAST_LIB "$join" closed >/dev/null &
	pid=$!
	wait $pid
	[ ! -e "/dev/shm/agnocast@$pid" ] && ok name_goes_without_descriptors ||
		not_ok name_goes_without_descriptors "left"
	LD_PRELOAD=$AGNOCAST_LIB "$join" exec 2 >/dev/null &
	pid=$!
	wait $pid
	[ ! -e "/dev/shm/agnocast@$pid" ] && ok name_goes_after_exec || not_ok name_goes_after_exec "left"
}

# A bystander says nothing, whatever is wrong.
silence()
{
	local out
	out=$(MEMPOOL_SIZE=abc ours ls -d / 2>&1; AGNOCAST_REGISTRY=unix:/nowhere ours ls -d / 2>&1
		env -u MEMPOOL_SIZE LD_PRELOAD="$AGNOCAST_LIB" ls -d / 2>&1)
	[ "$out" = $'/\n/\n/' ] && ok bystander_is_silent || not_ok bystander_is_silent "$out"
}

# What it has to say may kill nobody: into a file that may not grow, and to nobody at all.
unharmed()
{
	local refused='ulimit -f 1060000; exec "$0" publish </dev/null' status
	MEMPOOL_SIZE=64M says unharmed_says_why 'limit on file size' \
		bash -c "$refused" "$programs/heap_mlock"
	truncate -s 2G "$work/long"
	MEMPOOL_SIZE=64M bash -c "exec 2>>\"\$1\"; $refused" "$programs/heap_mlock" "$work/long"
	status=$?
	rm "$work/long"
	[ $status -eq 1 ] && ok unharmed_by_a_full_file || not_ok unharmed_by_a_full_file "status $status"
	MEMPOOL_SIZE=64M bash -c "exec 2> >(:); wait \$!; $refused" "$programs/heap_mlock"
	status=$?
	[ $status -eq 1 ] && ok unharmed_by_a_closed_pipe ||
		not_ok unharmed_by_a_closed_pipe "status $status"
}

# --- programs whose malloc is not ours

# guest NAME [ENVIRONMENT...] - heap_guest NAME, all of it, with that environment
guest()
{
	local name=$1 reason=$2
	shift 2
	env "$@" timeout 100 "$programs/heap_guest$name" all "$reason" >"$work/out" 2>&1
	lines "$work/out" $? "guest$name" "guest${name}_"
}

guests()
{
	local asan="malloc is AddressSanitizer's" first
	first="LD_PRELOAD=$(gcc -print-file-name=libasan.so) $AGNOCAST_LIB"
	guest "" ""
	guest .g++.address "$asan"
	guest .g++.address "$asan" "$first"
	guest .g++.address "$asan" ASAN_OPTIONS=verify_asan_link_order=0 "LD_PRELOAD=$AGNOCAST_LIB"
	guest .clang++.address "$asan"
	guest .clang++.address "$asan" "LD_PRELOAD=$AGNOCAST_LIB"
	for name in g++.thread clang++.thread; do
		says "$name" '^-95 .*ThreadSanitizer' "$programs/heap_guest.$name" status
		says "$name.preloaded" '^-95 .*ThreadSanitizer' ours "$programs/heap_guest.$name" status
	done
	says clang++.memory '^-95 .*MemorySanitizer' "$programs/heap_guest.clang++.memory" status
	program heap_deepbind "$programs/heap_plugin.so"
}

# --- limits

# Whoever allocates, and wherever.
places()
{
	program heap_places
}

# misuse WHAT OFFSET PATTERN - the one line that is said, and the end by SIGABRT
misuse()
{
	local at status
	AGNOCAST_HEAP_CHECK=1 ours "$programs/heap_misuse" "$1" >"$work/out" 2>"$work/err"
	status=$?
	at=$(printf '0x%x' $(($(head -n 1 "$work/out") + $2)))
	if [ $status -ne 134 ]; then
		not_ok "heap_check_finds_$1" "status $status, $(head -n 1 "$work/err")"
	elif [ "$(head -n 1 "$work/err")" != "agnocast: heap check: $at: $3" ]; then
		not_ok "heap_check_finds_$1" "$(head -n 1 "$work/err")"
	else
		ok "heap_check_finds_$1"
	fi
}

heap_check()
{
	misuse overrun 0 'a block of 100 bytes was written beyond its end, at byte 100'
	misuse exit 0 'a block of 100 bytes was written beyond its end, at byte 115'
	misuse resize 0 'a block of 100 bytes was written beyond its end, at byte 100'
	misuse twice 0 'a block of 100 bytes was freed twice'
	misuse late 0 'a block of 100 bytes was written after it was freed, at byte 3'
	misuse inside 32 'was freed, but it lies 32 bytes inside of a block of 100 bytes'
	misuse wild $((5 << 20)) 'was freed, but no block starts there'
	misuse stack 0 'was freed, but it is not of this heap'
	export AGNOCAST_HEAP_CHECK=1
	says heap_check_likes_what_is_right '^0x' ours "$programs/heap_misuse"
	says heap_check_ends_well '^0$' bash -c \
		'LD_PRELOAD=$AGNOCAST_LIB "$0" >/dev/null 2>&1; echo $?' "$programs/heap_misuse"
	HEAP_TEST_SCALE=20 program heap_threads
	have heap_check_perl perl && same heap_check_perl perl -e \
		'my %h; $h{$_} = $_ x 3 for 1 .. 5000; print length(join "", values %h), "\n"'
	same heap_check_bash bash -c 'for i in 1 2 3; do (echo $i | cat); done; echo $(seq 3000 | wc)'
	export -n AGNOCAST_HEAP_CHECK
	unset AGNOCAST_HEAP_CHECK
	AGNOCAST_HEAP_CHECK=yes says heap_check_refuses_a_bad_switch \
		'^-22 AGNOCAST_HEAP_CHECK="yes"' ours "$programs/heap_join"
}

limits()
{
	MEMPOOL_SIZE=2M program heap_limits grow
	MEMPOOL_SIZE=2M program heap_limits signals
	MEMPOOL_SIZE=2M AGNOCAST_MEMPOOL_MAX=24M program heap_limits exhaust
	# The control part ends at 1 GiB: 50 MB of heap. A write beyond would be SIGXFSZ.
	MEMPOOL_SIZE=2M limited small_files 'ulimit -f 1097000'
	# The area alone is 16 GiB.
	MEMPOOL_SIZE=2M AGNOCAST_MEMPOOL_MAX=24M limited few_addresses 'ulimit -v 18000000'
	MEMPOOL_SIZE=32M program heap_return back
	program heap_return bystander
	program heap_space
	MEMPOOL_SIZE=1M program heap_space participant
	MEMPOOL_SIZE=1M program heap_message
}

# limited NAME LIMIT - heap_limits exhaust under what the shell command LIMIT sets
limited()
{
	bash -c "$2"' && LD_PRELOAD=$AGNOCAST_LIB exec timeout 100 "$0" exhaust' \
		"$programs/heap_limits" >"$work/out" 2>&1
	lines "$work/out" $? "$1" "$1_"
}

# Whoever looks at an area fills no hole in it.
onlookers()
{
	local pid before after
	mkfifo "$work/hold"
	: >"$work/out"
	"$programs/heap_mlock" publish <"$work/hold" >"$work/out" &
	pid=$!
	exec 7>"$work/hold"
	for _ in $(seq 200); do [ -s "$work/out" ] && break; sleep 0.05; done
	before=$(stat -c %b "/dev/shm/agnocast@$pid")
	"$BUILD/cli/agnocast-top" -b -n 2 -d 0.1 --view all --no-bpf >"$work/top" 2>&1
	after=$(stat -c %b "/dev/shm/agnocast@$pid")
	grep -q "$pid" "$work/top" && [ "$after" -lt $((before + 32768)) ] && ok top_fills_no_holes ||
		not_ok top_fills_no_holes "$before blocks, then $after; $(head -n 1 "$work/top")"
	exec 7>&-
	wait $pid
}

# mlockall, and where the programs and the mappings of others may lie
locked()
{
	MEMPOOL_SIZE=2M program heap_mlock
	says joins_although_mlockall_came_first '^0 $' "$programs/heap_mlock" early 64
	says refuses_a_small_limit_on_locks '^-11 17179869184 bytes .*ulimit -l' \
		"$programs/heap_mlock" early 1
}

# Where the file system has huge pages.
huge_pages()
{
	if ! unshare -m mount -t tmpfs -o huge=within_size tmpfs /dev/shm 2>/dev/null; then
		skip huge_pages "may not mount a tmpfs with huge pages here"
		return
	fi
	# The control part has huge pages too then, of which little is in use.
	if [ -n "${AGNOCAST_VM:-}" ]; then
		skip huge_always "the same natively"
	else
		MEMPOOL_SIZE=2M unshare -m bash -c '
			mount -t tmpfs -o huge=always tmpfs /dev/shm || exit 99
			LD_PRELOAD=$AGNOCAST_LIB timeout 100 "$0"' "$programs/heap_fork" >"$work/out" 2>&1
		lines "$work/out" $? huge_always huge_always_
	fi
	# Linux 6.1 gives none to a file that fallocate makes longer.
	if ! unshare -m bash -c '
		huge() { awk "/^ShmemHugePages/ { print \$2 }" /proc/meminfo; }
		mount -t tmpfs -o huge=within_size tmpfs /dev/shm && before=$(huge) &&
			fallocate -l 64M /dev/shm/huge && [ "$(huge)" -gt "$before" ]'; then
		skip huge_pages "fallocate gets no huge pages of a tmpfs here"
		return
	fi
	MEMPOOL_SIZE=2M AGNOCAST_HUGEPAGES=1 unshare -m bash -c '
		mount -t tmpfs -o huge=within_size tmpfs /dev/shm || exit 99
		LD_PRELOAD=$AGNOCAST_LIB timeout 60 "$0" huge' "$programs/heap_limits" \
		>"$work/out" 2>&1
	lines "$work/out" $? huge_pages huge_
}

# A full /dev/shm is ENOMEM, not SIGBUS: in a mount namespace of our own.
full_shm()
{
	if ! unshare -m true 2>/dev/null; then
		skip full_shm "may not mount here"
		return
	fi
	MEMPOOL_SIZE=2M unshare -m bash -c '
		mount -t tmpfs -o size=32m tmpfs /dev/shm || exit 99
		LD_PRELOAD=$AGNOCAST_LIB timeout 60 "$0" exhaust' "$programs/heap_limits" \
		>"$work/out" 2>&1
	lines "$work/out" $? full_shm full_shm_
	MEMPOOL_SIZE=2M unshare -m bash -c '
		mount -t tmpfs -o size=64m tmpfs /dev/shm || exit 99
		LD_PRELOAD=$AGNOCAST_LIB timeout 60 "$0" full' "$programs/heap_return" \
		>"$work/out" 2>&1
	lines "$work/out" $? full_shm full_shm_
	says full_shm_refuses_to_participate \
		'MEMPOOL_SIZE is 67174400 bytes, but /dev/shm has only 3[0-9]* bytes free' \
		unshare -m bash -c 'mount -t tmpfs -o size=32m tmpfs /dev/shm || exit 99
		MEMPOOL_SIZE=64M exec "$0" publish </dev/null' "$programs/heap_mlock"
	says refuses_what_is_no_tmpfs '^-124 /dev/shm is no tmpfs here' unshare -m bash -c '
		mount -t ramfs ramfs /dev/shm || exit 99
		LD_PRELOAD=$AGNOCAST_LIB exec "$0"' "$programs/heap_join"
	says full_shm_refuses_to_join '^-28 .*enlarge /dev/shm' unshare -m bash -c '
		mount -t tmpfs -o size=8k tmpfs /dev/shm || exit 99
		LD_PRELOAD=$AGNOCAST_LIB exec "$0"' "$programs/heap_join"
}

# A limit that would kill is said instead, at the first endpoint.
memory_limit()
{
	if ! make_memory_group 48M; then
		skip memory_limit "may not make a memory cgroup here"
		return
	fi
	MEMPOOL_SIZE=64M says memory_limit_refuses_to_participate \
		"MEMPOOL_SIZE is 67174400 bytes, of which 6[0-9]* .*${group#/sys/fs/cgroup}/$group_limit leaves only [1-4][0-9]{7}: " \
		"${in_group[@]}" "$programs/heap_mlock" publish </dev/null
	MEMPOOL_SIZE=8M says memory_limit_that_suffices '^ready$' \
		"${in_group[@]}" "$programs/heap_mlock" publish </dev/null
	remove_memory_group || not_ok memory_limit "$group stays"
}

# --- programs that know nothing of us

compatibility()
{
	same ls ls -la /usr/bin
	same coreutils_pipeline bash -c 'seq 20000 | sort -r | uniq | tail -n 5 | md5sum'
	same bash_nested_subshells bash -c 'for i in 1 2 3; do (echo $i; (echo in $i; (echo deep))); done
		x=$(echo $(echo $(ls / | wc -l))); echo $x; a=(); for i in {1..500}; do a+=("$i$i"); done
		echo ${#a[@]} ${a[499]}; trap "echo bye" EXIT; exit 3'
	have python3 python3 && same python3_json python3 -c '
import json, decimal, subprocess
d = {str(i): [i, str(i) * 3, {"x": i / 7}] for i in range(20000)}
s = json.dumps(d); assert json.loads(s) == d
print(len(s), decimal.Decimal(2).sqrt())
print(subprocess.check_output(["echo", "from a child"]))'
	have python3_fork python3 && same python3_fork python3 -c '
import multiprocessing as m, os
if __name__ == "__main__":
    with m.get_context("fork").Pool(2) as p: print(sum(p.map(abs, range(-500, 500))))
    pid = os.fork()
    if not pid: print(sorted(range(5)), flush=True); os._exit(4)
    print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))'
	have perl perl && same perl perl -e '
my %h; $h{$_} = $_ x 3 for 1 .. 50000; my $pid = fork; $| = 1;
if (!$pid) { print scalar(keys %h), "\n"; exit 5 } waitpid $pid, 0;
print $? >> 8, " ", length(join "", values %h), "\n"'
	have sqlite3 sqlite3 && same sqlite3 sqlite3 :memory: "create table t(a, b);
with recursive n(i) as (select 1 union all select i + 1 from n where i < 20000)
insert into t select i, i || 'x' from n; create index ix on t(b);
select count(*), sum(a), max(b) from t;"
	have git_log git && same git git -C "$work/repository" log --stat -n 20
	have gcc gcc && same gcc_compiles bash -c "gcc -O1 -c -o $work/o.o $work/source.c &&
		md5sum <$work/o.o"
}

prepare_compatibility()
{
	cat >"$work/source.c" <<-'END'
		#include <stdio.h>
		#include <stdlib.h>
		#include <string.h>
		int main(int argc, char **argv)
		{
			for (int i = 0; i < argc; i++)
				printf("%zu %s\n", strlen(argv[i]), argv[i]);
			return EXIT_SUCCESS;
		}
	END
	command -v git >/dev/null 2>&1 || return
	git init -q "$work/repository"
	for i in 1 2 3 4 5; do
		seq "$i"00 >"$work/repository/file$i"
		git -C "$work/repository" add . &&
			git -C "$work/repository" -c user.name=n -c user.email=e commit -qm "number $i"
	done
}

export MEMPOOL_SIZE=${MEMPOOL_SIZE:-16M}
joining
strict
names
silence
unharmed
full_shm
huge_pages
locked
if [ -n "${AGNOCAST_VM:-}" ]; then
	# What has to do with the registry, at an emulated machine's pace.
	HEAP_TEST_SCALE=${HEAP_TEST_SCALE:-10} program heap_fork
	program heap_fork failing
	same ls ls -la /usr/bin
	skip heap_at_large "the kernel has no part in it; see the native run"
else
	family
	places
	heap_check
	guests
	limits
	memory_limit
	onlookers
	program heap_threads
	program heap_crowd
	program heap_spawn
	MEMPOOL_SIZE=64M timeout 60 "$programs/heap_start" "$AGNOCAST_LIB" >"$work/out" 2>&1
	lines "$work/out" $? heap_start
	program heap_fork
	program heap_fork failing
	prepare_compatibility
	compatibility
fi

echo "$passed passed, $failed failed, $skipped skipped"
[ $failed -eq 0 ]
