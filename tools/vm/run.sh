#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
#
# run.sh [OPTION]... - boot a kernel in QEMU with agnocast.ko and run commands
#
#   --kernel K     6.1, 6.12, 6.1-rt, 6.12-rt, debug or kcsan; may be repeated;
#                  default 6.1 6.12
#   --test CMD     run CMD, a shell command, in the repository; it must exit with
#                  0 and end with a line `N passed, N failed[, N skipped]`
#   --cmd CMD      the same without the count line; both may be repeated
#   --out FILE     what the commands write to $AGNOCAST_OUT; one kernel only
#   --shell        no commands: a shell on the console (one kernel only)
#   --verbose      show the console while it runs (one kernel only)
#   --no-module    do not build or load the module
#   --module-args ARGS   for insmod
#   --traces       a stack trace alone is no complaint: allocations fail on purpose
#   --timeout S    seconds for each kernel; default 300
#
# The verdict is one line on a virtio port, `pass`, written only after every
# command succeeded, rmmod worked and dmesg held no complaint.  A panic, a hang
# or a warning (panic_on_warn) reads as a failure: nothing wrote it.  But for one
# fault of QEMU's, see lost_patch: that kernel is booted again, twice at most, and
# says so.  Exit: 0 all passed, 1 not, 2 usage.
#
# The guest sees the host's root at the same paths, read-only over 9p under an
# overlay in memory: what it writes is gone with it.  /dev, /dev/shm,
# /dev/mqueue, /proc, /sys, /run, /tmp and /var/tmp are its own.  Commands get
# BUILD, AGNOCAST_VM (the kernel, as above), AGNOCAST_MODULE, AGNOCAST_OUT.
#
# In $BUILD/vm/KERNEL: log (console), result (verdict), out, counts (shell
# assignments: passed failed skipped verdict seconds).
#
# One run at a time in a build tree: the next one waits.
#
# Environment: BUILD, VM_APPEND (more kernel parameters), VM_SHM (size of
# /dev/shm, 1G), VM_MEM (2G), VM_SMP (2), VM_CPU, VM_QEMU (more options).

set -eu

here=$(cd "$(dirname "$0")" && pwd)
repo=$(cd "$here/../.." && pwd)
BUILD=${BUILD:-$repo/build}

newline='
'
kernels='' commands='' tests='' out='' shell='' verbose='' module=yes module_args=''
traces='' timeout=300

usage()
{
	sed -n '4,19s/^# \{0,1\}//p' "$0" >&2
	exit 2
}

while [ $# -gt 0 ]; do
	case $1 in
	--shell)	shell=yes; shift; continue ;;
	--verbose)	verbose=yes; shift; continue ;;
	--no-module)	module=; shift; continue ;;
	--traces)	traces=yes; shift; continue ;;
	esac
	[ $# -ge 2 ] || usage
	case $1 in
	--kernel)	kernels="$kernels $2" ;;
	--test)		commands="${commands}test $2$newline" tests=yes ;;
	--cmd)		commands="${commands}cmd $2$newline" ;;
	--out)		out=$2 ;;
	--module-args)	module_args=$2 ;;
	--timeout)	timeout=$2 ;;
	*)		usage ;;
	esac
	shift 2
done

kernels=${kernels:- 6.1 6.12}
case ${kernels# } in
*' '*)	[ -z "$shell$verbose$out" ] || usage ;;
esac
[ -n "$shell$commands" ] || usage

# quote STRING - as one word for sh
quote()
{
	printf "'%s'" "$(printf %s "$1" | sed "s/'/'\\\\''/g")"
}

# job KERNEL - what the guest must know, as shell assignments
job()
{
	cat <<-END
	REPO=$(quote "$repo")
	BUILD=$(quote "$BUILD")
	PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
	TERM=$(quote "${TERM:-dumb}")
	AGNOCAST_VM=$1
	MODULE=$(quote "${module:+$BUILD/vm/$1/agnocast.ko}")
	MODULE_ARGS=$(quote "$module_args")
	SHM_SIZE=${VM_SHM:-1G}
	SHELL_WANTED=$shell
	TRACES_ALLOWED=$traces
	NINEP=${VM_9P:-msize=512000,cache=loose}
	END
}

# What tests run all the time: see init.
hot_commands='awk basename bash bpftool cat chmod cmp cp cut date dd diff dirname
env expr false find flock grep head id jq kill ln ls mkdir mkfifo mktemp mv od
pgrep pkill ps readlink rm rmdir sed seq setsid sh sleep sort stat stdbuf strace
tail taskset tee timeout touch tr true uniq wc xargs'

# hot_files - the paths of them, of their libraries and of what we built
hot_files()
{
	for name in $hot_commands; do
		PATH=/usr/bin:/bin command -v "$name"
	done | grep '^/' >"$dir/hot"
	cat "$dir/hot"
	xargs ldd <"$dir/hot" 2>/dev/null | grep -oE '/[^ :]+' | sort -u
	find "$BUILD" \( -path "$BUILD/vm" -o -path "$BUILD/tests/unit*" -o \
		-path "$BUILD/tests/fuzz" -o \
		-path "$BUILD/tests/integration/heap_guest.*" \) -prune -o \
		\( -type l -o -type f \( -perm -100 -o -name '*.so*' \) -size -8192k \) -print
	ls -d /etc/ld.so.cache /etc/passwd /etc/group /etc/nsswitch.conf
}

# copy_hot - copy the files named on stdin under $tree/hot, and each symbolic
# link on the way to them as a link
copy_hot()
{
	cp -a /bin /sbin /lib /lib64 "$tree/hot" 2>/dev/null || :
	while read -r path; do
		while [ -L "$path" ]; do
			parent=$(cd -P "${path%/*}/" && pwd)
			echo "$parent/${path##*/}"
			target=$(readlink "$path")
			case $target in
			/*)	path=$target ;;
			*)	path=$parent/$target ;;
			esac
		done
		readlink -e "$path" || :
	done | sort -u | (cd / && sed 's,^/,,' | cpio --quiet -pdm "$tree/hot")
}

# pack KERNEL - write $dir/initrd; made each time, in a second
pack()
{
	tree=$dir/initrd.d
	rm -rf "$tree"
	mkdir -p "$tree/bin" "$tree/dev" "$tree/proc" "$tree/sys" "$tree/host" "$tree/hot"
	cp "$(command -v busybox)" "$tree/bin/busybox"
	cp -r "$BUILD/vm/kernels/$1/modules" "$tree"
	cp "$here/init" "$here/guest.sh" "$tree"
	job "$1" >"$tree/job"
	printf %s "$commands" >"$tree/commands"
	hot_files | copy_hot
	(cd "$tree" && find . | cpio --quiet -o -H newc -R 0:0) >"$dir/initrd"
	rm -r "$tree"
}

# boot KERNEL - becomes the VM
boot()
{
	console="file,id=console,path=$dir/log"
	[ -z "$shell$verbose" ] ||
		console="stdio,id=console,signal=off,logfile=$dir/log"
	limit="timeout --kill-after=5 $timeout"
	[ -z "$shell" ] || limit=

	# shellcheck disable=SC2086 # $limit and $VM_QEMU are lists of words
	exec $limit qemu-system-x86_64 -accel tcg,thread=multi -cpu "${VM_CPU:-max,la57=off}" \
		-smp "${VM_SMP:-2}" -m "${VM_MEM:-2G}" \
		-nodefaults -no-user-config -display none -no-reboot \
		-kernel "$BUILD/vm/kernels/$1/vmlinuz" -initrd "$dir/initrd" \
		-append "$append $(own_append "$1")" \
		-chardev "$console" -serial chardev:console \
		-virtfs "local,path=/,mount_tag=root,security_model=none,readonly=on,multidevs=remap" \
		-device virtio-rng-pci -device virtio-serial-pci \
		-chardev "file,id=result,path=$dir/result" \
		-device virtserialport,chardev=result,name=agnocast.result \
		-chardev "file,id=out,path=$dir/out" \
		-device virtserialport,chardev=out,name=agnocast.out \
		${VM_QEMU:-}
}

# An overloaded host may not stall the guest into a panic, nor talk it out of the
# TSC (without it each clock_gettime() is a system call); heap corruption shows.
append="console=ttyS0 quiet panic=-1 panic_on_warn=1 oops=panic log_buf_len=4M"
append="$append tsc=reliable clocksource=tsc"
append="$append rcupdate.rcu_cpu_stall_timeout=60 watchdog_thresh=60"
append="$append mitigations=off"

# own_append KERNEL - what one kernel gets; the last word is the user's
own_append()
{
	case $1 in
	# Their checks see what slub_debug sees, and their ACPI takes minutes to
	# say which interrupts our devices, which use MSI, do not use.
	debug | kcsan)	echo "pci=noacpi ${VM_APPEND:-}" ;;
	*)		echo "slub_debug=FZPU,kmalloc-*,agnocast* ${VM_APPEND:-}" ;;
	esac
}

dying='BUG[: ]|WARNING: |Oops|Kernel panic'

# explain VERDICT - why a kernel failed, from what it left
explain()
{
	grep -aE '^(not ok|FAIL|\[FAIL\]|\[----\]|\[CRASH\]|vm:|init:|.*: FAIL)' \
		"$dir/log" | head -n 40 | sed 's/^/  /'
	[ "$1" = "no verdict" ] || return 0

	if grep -qaE "$dying" "$dir/log"; then
		awk -v dying="$dying" '$0 ~ dying { n = 25 } n && n--' "$dir/log" | head -n 40
	else
		tail -n 20 "$dir/log"
	fi | sed 's/^/  | /'
}

# judge KERNEL STATUS - print ok or not ok, write $dir/counts; 0 if passed
judge()
{
	sed -i 's/\r*$//' "$dir/log"
	verdict=$(tail -n 1 "$dir/result")
	case $verdict in
	pass | fail\ *)	;;
	*)		verdict="no verdict" ;;
	esac
	[ "$2" -ne 124 ] && [ "$2" -ne 137 ] || verdict="no verdict within $timeout s"

	if [ -n "$tests" ] && [ "$verdict" = pass ] &&
		! grep -qE '^[1-9][0-9]* passed' "$dir/result"; then
		verdict="fail nothing was tested"
	fi

	sed -nE 's/^([0-9]+) passed, ([0-9]+) failed(, ([0-9]+) skipped)?$/\1 \2 \4/p' \
		"$dir/result" |
		awk -v verdict="$verdict" -v seconds=$(($(date +%s) - began)) '
		{ passed += $1; failed += $2; skipped += $3 }
		END {
			# A VM that failed is never "0 failed".
			if (verdict != "pass" && !failed)
				failed = 1
			printf "passed=%d\nfailed=%d\nskipped=%d\n", passed, failed, skipped
			gsub(/\047/, "", verdict)
			printf "verdict=\047%s\047\nseconds=%d\n", verdict, seconds
		}' >"$dir/counts"

	if [ "$verdict" = pass ]; then
		echo "ok $1 ($(sed -n 's/^seconds=//p' "$dir/counts") s)"
	else
		echo "not ok $1: ${verdict#fail } (see $dir/log)"
		explain "${verdict% within*}"
		return 1
	fi
}

# lost_patch - did the guest die of QEMU, rather than of what it was to test?
#
# A kernel replaces instructions of its own while it runs, by way of an int3, and
# tells the other processors. Emulated in several threads (QEMU 7.2), one of them
# may still run what it had translated, and meets the int3 when all is over: now
# and then a kernel dies of that while it boots. No code of ours has an int3.
lost_patch()
{
	grep -qaE '(^|[] ])(Oops: )?int3: 0000 \[#1\]' "$dir/log"
}

# try_kernel KERNEL - one VM from power on to off; $status is QEMU's
try_kernel()
{
	rm -f "$dir/log" "$dir/result" "$dir/out" "$dir/counts"
	: >"$dir/log"
	: >"$dir/result"
	began=$(date +%s)
	status=0
	(boot "$1") </dev/null 2>"$dir/qemu.log" &
	vm=$!
	trap 'kill $vm; wait $vm; exit 143' TERM
	wait $vm || status=$?
	trap - TERM
	cat "$dir/qemu.log" >&2
}

# run_kernel KERNEL - from building the module to the verdict
run_kernel()
{
	dir=$BUILD/vm/$1
	mkdir -p "$dir"
	[ -z "$module" ] || "$here/build-module.sh" "$1"
	pack "$1"
	if [ -n "$shell" ]; then
		(boot "$1")
		return
	fi
	try_kernel "$1"
	for again in 2 3; do
		lost_patch || break
		echo "# $1: the emulator ran an int3 of the kernel's that was gone: try $again"
		try_kernel "$1"
	done
	judge "$1" "$status"
}

# totals KERNEL... - the last lines: what each kernel counted
totals()
{
	for kernel in "$@"; do
		passed=0 failed=1 skipped=0
		# shellcheck disable=SC1090 # made by judge()
		[ ! -e "$BUILD/vm/$kernel/counts" ] || . "$BUILD/vm/$kernel/counts"
		printf 'vm %s: %d passed, %d failed' "$kernel" "$passed" "$failed"
		[ "$skipped" -eq 0 ] || printf ', %d skipped' "$skipped"
		echo
	done
}

mkdir -p "$BUILD/vm"
BUILD=$(cd "$BUILD" && pwd)
# Two runs at a time would mix their logs and take each other's counts. The VMs
# inherit the lock: it is free when the last of them is gone.
exec 8>"$BUILD/vm/.run-lock"
flock -n 8 || { echo "waiting for another run in $BUILD/vm" >&2; flock 8; }

# shellcheck disable=SC2086 # a list of words
"$here/kernels.sh" $kernels

if [ -n "$shell" ]; then
	run_kernel "${kernels# }"
	exit
fi

pids=
trap 'kill $pids 2>/dev/null; exit 130' INT TERM
for kernel in $kernels; do
	rm -f "$BUILD/vm/$kernel/counts"
	run_kernel "$kernel" &
	pids="$pids $!"
done
failed_any=0
for pid in $pids; do
	wait "$pid" || failed_any=1
done
trap - INT TERM

[ -z "$out" ] || [ $failed_any -ne 0 ] || cp "$BUILD/vm/${kernels# }/out" "$out"
# shellcheck disable=SC2086 # a list of words
[ -z "$tests" ] || totals $kernels
exit $failed_any
