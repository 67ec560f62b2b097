#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
#
# kernels.sh [KERNEL...] - get the kernels that the VM boots
#
# KERNEL is 6.1, 6.12, 6.1-rt or 6.12-rt; default: 6.1 6.12; or debug or kcsan,
# which debug-kernel.sh builds.  Of the others the newest one of
# Debian bookworm (and bookworm-security) is downloaded with its headers and
# unpacked under $BUILD/vm/kernels/KERNEL; neither is installed on the host.
# A kernel that is there is left alone: no network, milliseconds.  To get a
# newer one remove its directory.  What it leaves there:
#
#   release    the kernel's release; written last, so it means "complete"
#   vmlinuz    the kernel
#   modules/   what the VM needs before it has a root, named in loading order
#   lib/       where they came from, as modprobe wants it
#   headers    link to the headers' tree, for make -C
#   vmlinux    the kernel's BTF, for pahole and bpftool

set -eu

here=$(cd "$(dirname "$0")" && pwd)
repo=$(cd "$here/../.." && pwd)
BUILD=${BUILD:-$repo/build}

# Loaded by the initramfs, with what they depend on.
boot_modules='virtio_pci virtio_console virtio_rng 9pnet_virtio 9p overlay'

# shellcheck source=tools/vm/apt.sh
. "$here/apt.sh"

# needed - the programs that this directory's scripts run
needed()
{
	cat <<-LIST
	qemu-system-x86_64 qemu-system-x86
	busybox busybox-static
	cpio cpio
	depmod kmod
	pahole dwarves
	make make
	gcc-12 gcc-12
	x86_64-linux-gnu-ld binutils
	flock util-linux
	xz xz-utils
	LIST
}

# newest PATTERN - the newest release that has both an image and headers
newest()
{
	apt-cache pkgnames linux-headers- |
		sed -nE "s/^linux-headers-($1)\$/\\1/p" | sort -rV |
		while read -r release; do
			apt-cache policy "linux-image-$release" |
				grep -q 'Candidate: [0-9]' || continue
			echo "$release"
			break
		done
}

# depends PACKAGE PREFIX - the first package named PREFIX* it depends on
depends()
{
	apt-cache depends "$1" | sed -nE "s/^ *\\|?Depends: ($2.*)/\\1/p" | sed 1q
}

# unpack_image DIR RELEASE - the kernel, and of its modules those we use
unpack_image()
{
	dpkg-deb --fsys-tarfile linux-image-*.deb |
		tar -x -C "$1" --wildcards \
			'./boot/vmlinuz-*' './lib/modules/*/modules.*' \
			'./lib/modules/*/kernel/drivers/char/*' \
			'./lib/modules/*/kernel/drivers/virtio/*' \
			'./lib/modules/*/kernel/fs/9p/*' \
			'./lib/modules/*/kernel/fs/fscache*' \
			'./lib/modules/*/kernel/fs/netfs*' \
			'./lib/modules/*/kernel/fs/overlayfs/*' \
			'./lib/modules/*/kernel/net/9p/*' 2>tar.log ||
		# fs/fscache went into fs/netfs: one pattern finds nothing
		! grep -v -e fscache -e 'previous errors' tar.log >&2 ||
		die "cannot unpack $(echo linux-image-*.deb)"

	mv "$1/boot/vmlinuz-$2" "$1/vmlinuz"
	rmdir "$1/boot"
	find "$1/lib/modules" -name '*.ko.xz' -exec xz -d {} +
	/sbin/depmod -b "$1" "$2"
}

# boot_modules DIR RELEASE - number the modules in the order they load
boot_modules()
{
	mkdir "$1/modules"
	number=10
	for name in $boot_modules; do
		/sbin/modprobe -d "$1" -S "$2" --show-depends "$name"
	done | sed -n 's/^insmod \([^ ]*\).*/\1/p' | awk '!seen[$0]++' |
		while read -r module; do
			cp "$module" "$1/modules/$number-$(basename "$module")"
			number=$((number + 1))
		done
}

# unpack_headers DIR RELEASE - made relocatable: one path in them is absolute
unpack_headers()
{
	for deb in linux-headers-*.deb linux-kbuild-*.deb; do
		dpkg-deb -x "$deb" "$1"
	done
	headers=$1/usr/src/linux-headers-$2
	# shellcheck disable=SC2016 # for make to expand
	sed -i 's,^include /usr/src/,include $(dir $(lastword $(MAKEFILE_LIST)))../,' \
		"$headers/Makefile"
	ln -s "usr/src/linux-headers-$2" "$1/headers"
}

# find_btf DIR - 6.12's headers bring a vmlinux; 6.1's sits in the kernel
find_btf()
{
	if [ -e "$1/headers/vmlinux" ]; then
		ln -s headers/vmlinux "$1/vmlinux"
		return
	fi

	# The boot protocol says where the compressed kernel starts.
	setup=$(od -An -tu1 -j $((0x1f1)) -N 1 "$1/vmlinuz" | tr -d ' ')
	offset=$(od -An -tu4 -j $((0x248)) -N 4 "$1/vmlinuz" | tr -d ' ')
	length=$(od -An -tu4 -j $((0x24c)) -N 4 "$1/vmlinuz" | tr -d ' ')
	tail -c +$(((setup + 1) * 512 + offset + 1)) "$1/vmlinuz" |
		head -c $((length - 4)) | xz -dc --single-stream >"$1/vmlinux.full"
	objcopy -O elf64-x86-64 -j .BTF "$1/vmlinux.full" "$1/vmlinux" 2>/dev/null
	rm "$1/vmlinux.full"
}

# get KERNEL - fill $BUILD/vm/kernels/KERNEL
get()
{
	case $1 in
	debug | kcsan)
		[ -e "$BUILD/vm/kernels/$1/release" ] || needed | install_missing
		"$here/debug-kernel.sh" "$1"
		return ;;
	6.1)	 pattern='6\.1\.0-[0-9]+-amd64' ;;
	6.1-rt)	 pattern='6\.1\.0-[0-9]+-rt-amd64' ;;
	6.12)	 pattern='6\.12\.[0-9]+\+deb12-amd64' ;;
	6.12-rt) pattern='6\.12\.[0-9]+\+deb12-rt-amd64' ;;
	*)	 die "unknown kernel '$1'" ;;
	esac
	dir=$BUILD/vm/kernels/$1
	[ ! -e "$dir/release" ] || return 0

	needed | install_missing
	release=$(newest "$pattern")
	[ -n "$release" ] || { as_root apt-get update -qq; release=$(newest "$pattern"); }
	[ -n "$release" ] || die "no kernel like $pattern in apt's lists (not bookworm?)"
	echo "kernels.sh: fetching $release" >&2

	new=$dir.new
	rm -rf "$new" "$dir"
	mkdir -p "$new/debs"
	cd "$new/debs"
	headers=linux-headers-$release
	fetch "linux-image-$release" "$headers" \
		"$(depends "$headers" linux-headers-)" "$(depends "$headers" linux-kbuild-)"

	unpack_image "$new" "$release"
	boot_modules "$new" "$release"
	unpack_headers "$new" "$release"
	find_btf "$new"

	cd "$repo"
	rm -r "$new/debs"
	echo "$release" >"$new/release"
	mv "$new" "$dir"
}

[ $# -gt 0 ] || set -- 6.1 6.12

mkdir -p "$BUILD/vm/kernels"
BUILD=$(cd "$BUILD" && pwd)
exec 9>"$BUILD/vm/kernels/.lock"
flock 9
for kernel in "$@"; do
	get "$kernel"
done
