#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
#
# guest.sh - pid 1 of the VM, part two: load the module, run the commands, judge
#
# Runs on the host's root, under an overlay; /tmp, /run, /var/tmp and /dev/shm are
# the VM's own.  Writes to the port agnocast.result the count line of each
# test and at the very end `pass`, or `fail` with the reason.  When it dies,
# the VM goes down without either, and that is a failure too.

set -u

trap 'busybox poweroff -f' EXIT

# shellcheck disable=SC1091 # run.sh writes it
. /run/vm/job
result=/dev/virtio-ports/agnocast.result
why=

# A kernel that says one of these has a bug, whatever the tests say.
complaints='WARNING: |(^|[^E])BUG[: ]|Oops|UBSAN|KASAN|KCSAN|refcount_t:|possible circular|scheduling while atomic|blocked for more than|detected stall|self-detected stall|suspected memory leaks|turning off the locking'
[ -n "$TRACES_ALLOWED" ] || complaints="$complaints|Call Trace"

# fail REASON - the first reason is the verdict
fail()
{
	echo "vm: $*"
	[ -n "$why" ] || why=$*
}

# cover DIR - an empty tmpfs there, but for the repository and the build tree
cover()
{
	for keep in "$REPO" "$BUILD"; do
		case $keep/ in
		"$1"/*)	mkdir -p "/run/vm/keep$keep"
			mount --bind "$keep" "/run/vm/keep$keep" ;;
		esac
	done
	mount -t tmpfs -o mode=1777 tmp "$1"
	for keep in "$REPO" "$BUILD"; do
		# Gone already if it lies in the other, and moved with it.
		mountpoint -q "/run/vm/keep$keep" || continue
		mkdir -p "$keep"
		mount --move "/run/vm/keep$keep" "$keep"
	done
}

mount_all()
{
	cover /tmp
	cover /var/tmp
	mkdir -p /dev/pts /dev/shm /dev/mqueue /run/lock
	mount -t devpts -o gid=5,mode=620,ptmxmode=666 devpts /dev/pts
	mount -t tmpfs -o mode=1777,size="$SHM_SIZE" shm /dev/shm
	mount -t mqueue mqueue /dev/mqueue
	mount -t tracefs tracefs /sys/kernel/tracing
	mount -t debugfs debugfs /sys/kernel/debug
	mount -t bpf bpf /sys/fs/bpf
	mount -t cgroup2 cgroup2 /sys/fs/cgroup
	[ -e /dev/fd ] || ln -s /proc/self/fd /dev/fd
	[ -e /dev/ptmx ] || ln -s pts/ptmx /dev/ptmx
}

# link_ports - what udev would do: the virtio ports by their names
link_ports()
{
	mkdir -p /dev/virtio-ports
	for port in /sys/class/virtio-ports/*; do
		ln -s "../${port##*/}" "/dev/virtio-ports/$(cat "$port/name")"
	done
}

load_module()
{
	[ -n "$MODULE" ] || return 0
	# shellcheck disable=SC2086 # a list of words
	insmod "$MODULE" $MODULE_ARGS || fail "insmod agnocast"
}

# holders - who keeps the module busy
holders()
{
	{
		grep -ls /dev/agnocast /proc/[0-9]*/maps
		find /proc/[0-9]*/fd -lname /dev/agnocast 2>/dev/null
	} | cut -d / -f 3 | sort -u | while read -r pid; do
		echo "vm: agnocast in use by $pid:" \
			"$(tr '\0' ' ' 2>/dev/null <"/proc/$pid/cmdline")"
	done
}

# unload_module - a process just killed may still be going: allow it 3 s
unload_module()
{
	grep -q '^agnocast ' /proc/modules || return 0
	tries=30
	until error=$(rmmod agnocast 2>&1); do
		tries=$((tries - 1))
		if [ $tries -eq 0 ]; then
			holders
			fail "rmmod agnocast: $error"
			return
		fi
		sleep 0.1
	done
}

# check_leaks - where the kernel can find them
check_leaks()
{
	leaks=/sys/kernel/debug/kmemleak
	[ -e $leaks ] || return 0
	# What was got in the last 5 s does not count; what moved needs a second look.
	sleep 6
	echo scan >$leaks
	echo scan >$leaks
	[ -z "$(head -c 1 $leaks)" ] || { cat $leaks; fail "kmemleak: $1"; }
}

# check_lockdep - it stops looking after its first find, or when its tables are full
check_lockdep()
{
	[ -e /proc/lockdep_stats ] || return 0
	grep -q '^ *debug_locks: *1' /proc/lockdep_stats || fail "lockdep stopped looking"
}

# drain PID - wait for the reader of a command's output; what a command left
# running may hold the other end for ever
drain()
{
	tries=50
	while kill -0 "$1" 2>/dev/null; do
		tries=$((tries - 1))
		if [ $tries -eq 0 ]; then
			fail "'$command' left processes that hold its output"
			kill "$1"
		fi
		sleep 0.1
	done
}

# run_command KIND COMMAND - sets $status; copies the output to the console
run_command()
{
	command=$2
	echo "--- $command"
	rm -f /run/vm/pipe /run/vm/output
	mkfifo /run/vm/pipe
	tee /run/vm/output </run/vm/pipe 3>&- 4<&- &
	reader=$!
	(cd "$REPO" && exec sh -c "$command") </dev/null >/run/vm/pipe 2>&1 3>&- 4<&-
	status=$?
	drain $reader
	echo "--- status $status"

	[ $status -eq 0 ] || fail "'$command' exited with $status"
	[ "$1" = cmd ] || judge_counts
}

# judge_counts - a test that does not count has not run
judge_counts()
{
	counts=$(tr -d '\r' </run/vm/output |
		grep -xE '[0-9]+ passed, [0-9]+ failed(, [0-9]+ skipped)?' | tail -n 1)
	[ -z "$counts" ] || echo "$counts" >&3
	case $counts in
	'')		 fail "'$command' printed no count line" ;;
	*', 0 failed'*)	 ;;
	*)		 fail "'$command': $counts" ;;
	esac
}

run_commands()
{
	while read -r kind line <&4; do
		run_command "$kind" "$line"
	done 4</run/vm/commands
}

check_dmesg()
{
	dmesg >/run/vm/dmesg
	if grep -E "$complaints" /run/vm/dmesg; then
		fail "the kernel complained: $(grep -m 1 -E "$complaints" /run/vm/dmesg)"
	fi
	[ -z "$why" ] || { echo "--- dmesg"; tail -n 60 /run/vm/dmesg; }
}

shell()
{
	cd "$REPO" || :
	echo "agnocast VM, $(uname -r): exit or ^D powers off"
	PS1="vm:$AGNOCAST_VM# " busybox setsid busybox cttyhack /bin/bash --norc
}

mount_all || fail "mount"
link_ports
# No locale: a UTF-8 one costs each program dozens of round trips to the host.
export TMPDIR=/tmp HOME=/run/vm TERM
export PATH BUILD AGNOCAST_VM AGNOCAST_MODULE="$MODULE"
export AGNOCAST_OUT=/dev/virtio-ports/agnocast.out

dmesg -n 5 # warnings to the console, from now on
load_module
if [ -n "$SHELL_WANTED" ]; then
	shell
	exit
fi

exec 3>$result
[ -n "$why" ] || run_commands
check_lockdep
check_leaks "with the module"
unload_module
check_leaks "of the module"
check_dmesg
if [ -z "$why" ]; then
	echo pass >&3
else
	echo "fail $why" >&3
fi
