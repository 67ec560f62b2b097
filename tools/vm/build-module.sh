#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
#
# build-module.sh KERNEL [MAKE-ARGUMENT...] - build agnocast.ko for a VM kernel
#
# Copies kernel/ and include/ to $BUILD/vm/KERNEL/src, since Kbuild writes
# beside its sources, and leaves $BUILD/vm/KERNEL/agnocast.ko, with BTF.  Needs
# what kernels.sh fetched.  Incremental; a copy is refreshed only if its
# content changed.  V=1, W=1 and the like may follow the kernel.

set -eu

here=$(cd "$(dirname "$0")" && pwd)
repo=$(cd "$here/../.." && pwd)
BUILD=${BUILD:-$repo/build}

[ $# -gt 0 ] || { echo "usage: build-module.sh KERNEL [MAKE-ARGUMENT...]" >&2; exit 2; }
kernel=$1
shift

from=$BUILD/vm/kernels/$kernel
[ -e "$from/release" ] || "$here/kernels.sh" "$kernel"
from=$(cd "$from" && pwd)
mkdir -p "$BUILD/vm/$kernel/src"
out=$(cd "$BUILD/vm/$kernel" && pwd)

exec 9>"$out/.build-lock"
flock 9

# sync_sources - make $out/src hold the sources of $repo and Kbuild's products
sync_sources()
{
	cd "$repo"
	find kernel include -type f ! -name '*.o' ! -name '.*' | sort >"$out/src/list.new"
	while read -r file; do
		cmp -s "$file" "$out/src/$file" && continue
		mkdir -p "$out/src/${file%/*}"
		cp "$file" "$out/src/$file"
	done <"$out/src/list.new"

	# What is no longer a source must not be found by an #include.
	if [ -e "$out/src/list" ]; then
		comm -23 "$out/src/list" "$out/src/list.new" | while read -r file; do
			rm -f "$out/src/$file"
		done
	fi
	mv "$out/src/list.new" "$out/src/list"
}

# add_btf FILE - where the headers came without what Kbuild needs to do it
add_btf()
{
	[ ! -e "$from/headers/vmlinux" ] || return 0
	pahole -J --btf_gen_floats --btf_base "$from/vmlinux" "$1"
}

sync_sources

# O, KDIR and the like of a calling make mean other things to the kernel's.
unset MAKEFLAGS MAKELEVEL MFLAGS O V KERNELRELEASE ARCH CROSS_COMPILE
make --no-print-directory -s -C "$from/headers" M="$out/src/kernel" \
	-j "$(nproc)" "$@" modules

cp "$out/src/kernel/agnocast.ko" "$out/agnocast.ko.new"
add_btf "$out/agnocast.ko.new"
mv "$out/agnocast.ko.new" "$out/agnocast.ko"
