#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
#
# debug-kernel.sh debug|kcsan|source - build a kernel that looks for mistakes
#
# Builds Debian's linux-source-6.12 with guest.config and debug.config or
# kcsan.config, and nothing else: some minutes on two cores, with nice. What
# it leaves in $BUILD/vm/kernels/KERNEL is what kernels.sh leaves for the
# others, but for the BTF. Made again when a config or the package changes.
#
# `source` only unpacks the package: $BUILD/vm/source, a link to the tree.

set -eu

here=$(cd "$(dirname "$0")" && pwd)
repo=$(cd "$here/../.." && pwd)
BUILD=${BUILD:-$repo/build}
source=linux-source-6.12

# shellcheck source=tools/vm/apt.sh
. "$here/apt.sh"

# unpack_source - sets $version and $tree
unpack_source()
{
	version=$(apt-cache policy $source | sed -n 's/^ *Candidate: //p')
	case $version in
	[0-9]*)	;;
	*)	die "no $source in apt's lists (not bookworm?)" ;;
	esac
	tree=$BUILD/vm/$source-$version
	if [ ! -e "$tree" ]; then
		echo "debug-kernel.sh: fetching $source $version" >&2
		rm -rf "$tree.new"
		mkdir -p "$tree.new"
		cd "$tree.new"
		fetch "$source"
		dpkg-deb --fsys-tarfile "$source"_*.deb |
			tar -xO ./usr/src/$source.tar.xz | tar -xJ --strip-components=1
		rm "$source"_*.deb
		cd "$repo"
		mv "$tree.new" "$tree"
	fi
	ln -sfn "${tree##*/}" "$BUILD/vm/source"
}

# kmake ARGUMENT... - in the kernel's tree, with the output in $dir/obj
kmake()
{
	# shellcheck disable=SC2086 # a list of words
	env -u MAKEFLAGS -u MAKELEVEL -u MFLAGS -u O -u V -u ARCH -u CROSS_COMPILE \
		nice -n 19 make --no-print-directory -s -C "$tree" O="$dir/obj" CC=gcc-12 \
		KBUILD_BUILD_USER=vm KBUILD_BUILD_HOST=vm "$@" >>"$dir/build.log" 2>&1 ||
		{ tail -n 20 "$dir/build.log" >&2; die "make $*: see $dir/build.log"; }
}

# configure KERNEL - what the fragments say must be what is built
configure()
{
	cat "$here/guest.config" "$here/$1.config" >"$dir/config"
	kmake KCONFIG_ALLCONFIG="$dir/config" allnoconfig
	grep '^CONFIG_' "$dir/config" | grep -vxFf "$dir/obj/.config" >"$dir/lost" || :
	[ ! -s "$dir/lost" ] || die "Kconfig refused: $(xargs <"$dir/lost")"
}

# build KERNEL - fill $BUILD/vm/kernels/KERNEL
build()
{
	unpack_source
	dir=$BUILD/vm/kernels/$1
	key=$(cat "$here/guest.config" "$here/$1.config" | sha256sum)
	key="$version ${key%% *}"
	[ "$key" != "$(cat "$dir/key" 2>/dev/null)" ] || return 0

	install_missing <<-LIST
	flex flex
	bison bison
	bc bc
	gcc-12 gcc-12
	make make
	LIST
	[ -e /usr/include/gelf.h ] || apt_install libelf-dev
	echo "debug-kernel.sh: building $1 from $source $version" >&2
	mkdir -p "$dir/obj" "$dir/modules"
	rm -f "$dir/key" "$dir/release" "$dir/build.log"
	configure "$1"
	kmake -j "$(nproc)" bzImage modules
	cp "$dir/obj/arch/x86/boot/bzImage" "$dir/vmlinuz"
	ln -sfn obj "$dir/headers"
	cp "$dir/obj/include/config/kernel.release" "$dir/release"
	echo "$key" >"$dir/key"
}

mkdir -p "$BUILD/vm/kernels"
BUILD=$(cd "$BUILD" && pwd)
case ${1:-} in
debug | kcsan)	build "$1" ;;
source)		unpack_source ;;
*)		echo "usage: debug-kernel.sh debug|kcsan|source" >&2; exit 2 ;;
esac
