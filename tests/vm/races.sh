#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
#
# races.sh SECONDS - have KCSAN look for data races in the module; in the VM
#
# Only reports with a function of ours in them count: the kernel has known ones.
# panic_on_warn makes each the end of the VM.

set -e
kcsan=/sys/kernel/debug/kcsan
echo off >$kcsan
echo whitelist >$kcsan
awk '$4 == "[agnocast]" && tolower($2) == "t" { print $3 }' /proc/kallsyms | sort -u |
	while read -r name; do
		echo "!$name" >$kcsan
	done
echo on >$kcsan

"$BUILD/tests/vm/fuzz" --seconds "${1:-60}"
cat $kcsan >&2
HOSTILE_SECONDS=${1:-60} "$BUILD/tests/vm/hostile" threads_race_on_one_session
grep -q '^setup_watchpoints: [1-9]' $kcsan
echo "2 passed, 0 failed"
