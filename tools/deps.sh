#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
#
# deps.sh demo|test|vm|bench|compat - install what building and running that needs
#
# Debian 12 packages, only those that are missing, with apt-get as root or
# through sudo. With nothing missing it takes milliseconds and prints nothing.

set -eu

# What `make` needs.
build='
	bpftool
	clang
	g++
	gcc
	libbpf-dev
	libc6-dev
	libelf-dev
	libjansson-dev
	libjemalloc-dev
	libncurses-dev
	make
	pkg-config
	systemtap-sdt-dev
	zlib1g-dev
'

# ROS 2's generator. It imports yaml, em and ament_index_python without
# depending on their packages.
messages='
	librosidl-runtime-c-cpp-dev
	python3-ament-index
	python3-empy
	python3-yaml
	rosidl-cmake
	rosidl-generator-c-cpp
	rosidl-tools
'

demo='
	jq
	kmod
'

test='
	bpftrace
	cmake
	libclang-rt-14-dev
	libcriterion-dev
	python3
	spin
	sqlite3
	strace
	tmux
'

vm='
	busybox-static
	cpio
	dwarves
	gcc-12
	llvm
	qemu-system-x86
	util-linux
	xz-utils
'

# Programs that make compat runs beside those that are here anyway.
compat='
	ffmpeg
	gdb
	git
	imagemagick
	jq
	nginx-light
	nodejs
	openssl
	pcl-tools
	perl
	python3
	python3-opencv
	redis-server
	redis-tools
	sqlite3
	strace
	stress-ng
	xz-utils
'

# The peers that make bench measures against: transports, allocators.
bench='
	cyclonedds-dev
	cyclonedds-tools
	iceoryx
	libiceoryx-posh-dev
	libjemalloc2
	libmimalloc2.0
	libtcmalloc-minimal4
	libzmq3-dev
	python3
'

die()
{
	echo "deps.sh: $*" >&2
	exit 1
}

as_root()
{
	if [ "$(id -u)" -eq 0 ]; then
		"$@"
	elif command -v sudo >/dev/null; then
		sudo "$@"
	else
		die "not root and no sudo: as root, run apt-get install $missing"
	fi
}

case ${1:-} in
demo)	wanted="$build $messages $demo" ;;
test)	wanted="$build $messages $demo $test $vm" ;;
vm)	wanted="$build $messages $demo $vm" ;;
bench)	wanted="$build $messages $bench" ;;
compat)	wanted="$build $compat" ;;
*)	die 'say which: deps.sh demo|test|vm|bench|compat' ;;
esac

# One name a line from here on.
wanted=$(echo "$wanted" | xargs -n 1 | sort -u)

command -v dpkg-query >/dev/null ||
	die "this is not Debian or a relative of it; install what corresponds to: $(echo "$wanted" | xargs)"

# An unknown package is a missing one: dpkg-query then complains and fails.
# shellcheck disable=SC2086 # a list of words
installed=$(dpkg-query -W -f '${db:Status-Status} ${Package}\n' $wanted 2>/dev/null |
	sed -n 's/^installed //p' | sort -u) || :
missing=$(printf '%s\n%s\n' "$installed" "$wanted" | sort | uniq -u | xargs)
[ -n "$missing" ] || exit 0

echo "deps.sh: installing $missing"
# Without a network the lists at hand may still do.
as_root apt-get update -qq || echo 'deps.sh: apt-get update failed, going on without' >&2
# shellcheck disable=SC2086 # a list of words
as_root env DEBIAN_FRONTEND=noninteractive \
	apt-get install -qq -y --no-install-recommends $missing >/dev/null ||
	die "apt-get could not install $missing (made for Debian 12; elsewhere install what corresponds)"
