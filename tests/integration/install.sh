#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
#
# install.sh - what `make install` puts where, and that others can build with it
#
# Into directories of its own: a staged one (DESTDIR), as a package is made, and
# a prefix, as one user does it.

set -u
if [ -n "${AGNOCAST_VM:-}" ]; then
	echo 'skip install: the same natively'
	echo '0 passed, 0 failed, 1 skipped'
	exit 0
fi
here=$(cd "$(dirname "$0")" && pwd)
repo=$(cd "$here/../.." && pwd)
export BUILD=${BUILD:-$repo/build}
passed=0 failed=0 skipped=0
tmp=$(mktemp -d)
trap 'kill $(jobs -p) 2>/dev/null; rm -rf "$tmp"' EXIT

ok() { echo "ok $1"; passed=$((passed + 1)); }
not_ok() { echo "not ok $1: $2"; failed=$((failed + 1)); }
skip() { echo "skip $1: $2"; skipped=$((skipped + 1)); }
expect() { [ "$2" = "$3" ] && ok "$1" || not_ok "$1" "got '$3', wanted '$2'"; }
have() { command -v "$1" >/dev/null; }
# works NAME COMMAND... - must succeed, else its last line is the reason
works()
{
	local name=$1
	shift
	"$@" >"$tmp/out" 2>&1 && ok "$name" || not_ok "$name" "$(tail -n 1 "$tmp/out")"
}
fails() { local name=$1; shift; "$@" >"$tmp/out" 2>&1 && not_ok "$name" "it worked" || ok "$name"; }

unset MAKEFLAGS MFLAGS
stage=$tmp/stage
works installs make -s -C "$repo" install DESTDIR="$stage" PREFIX=/usr
wanted="bin/agnocast-top bin/agnocastd include/agnocast/agnocast.h include/agnocast/agnocast.hpp
	include/agnocast/uapi/agnocast.h lib/cmake/agnocast/agnocastConfig.cmake
	lib/cmake/agnocast/agnocastConfigVersion.cmake lib/libagnocast.so lib/pkgconfig/agnocast.pc
	lib/systemd/system/agnocastd.service lib/systemd/system/agnocastd.socket
	lib/sysusers.d/agnocast.conf lib/udev/rules.d/60-agnocast.rules
	share/man/man8/agnocast-top.8 share/man/man8/agnocastd.8"
missing=
for f in $wanted; do [ -s "$stage/usr/$f" ] || missing="$missing $f"; done
expect everything_is_there '' "$missing"
expect nothing_is_outside_of_the_prefix usr "$(ls "$stage")"
expect no_placeholder_is_left '' "$(grep -rl '@[A-Z_]\+@' "$stage" --exclude-dir=bin --exclude=*.so)"
expect nobody_but_the_owner_may_write '' "$(find "$stage" -type f -perm /022)"

# One version, everywhere.
version=$(sed -n 's/^#define AGNOCAST_VERSION[[:space:]]*"\(.*\)"/\1/p' "$repo/include/uapi/agnocast.h")
expect version_of_agnocastd "agnocastd $version" "$("$stage/usr/bin/agnocastd" --version)"

# As a package's user: pkg-config.
cp "$repo"/examples/hello_c/* "$tmp/"
if have pkg-config; then
	pc() { PKG_CONFIG_SYSROOT_DIR=$stage PKG_CONFIG_PATH=$stage/usr/lib/pkgconfig pkg-config "$@" agnocast; }
	expect version_of_pkg_config "$version" "$(pc --modversion)"
	# shellcheck disable=SC2046 # words are what pkg-config gives
	works hello_listener_by_pkg_config "${CC:-cc}" -Wall -Werror -o "$tmp/listener" \
		"$tmp/hello_listener.c" $(pc --cflags --libs)
	# shellcheck disable=SC2046
	works hello_talker_by_pkg_config "${CC:-cc}" -Wall -Werror -o "$tmp/talker" \
		"$tmp/hello_talker.c" $(pc --cflags --libs)
	export MEMPOOL_SIZE=1M AGNOCAST_REGISTRY=unix:$tmp/socket LD_LIBRARY_PATH=$stage/usr/lib
	"$stage/usr/bin/agnocastd" --socket "$tmp/socket" &
	for _ in $(seq 100); do [ -S "$tmp/socket" ] && break; sleep 0.02; done
	timeout 20 "$tmp/listener" 1 >"$tmp/heard" 2>&1 &
	listener=$!
	timeout 20 "$tmp/talker" >"$tmp/said" 2>&1 &
	talker=$!
	wait $listener
	expect they_talk_to_each_other 1 "$(grep -c 'heard number' "$tmp/heard")"
	kill $talker; kill %1; wait
	unset LD_LIBRARY_PATH
else
	skip pkg_config 'no pkg-config'
fi

# CMake: C and C++, and a version that is not there.
if have cmake; then
	mkdir "$tmp/cmake"
	cat >"$tmp/cmake/CMakeLists.txt" <<-END
		cmake_minimum_required(VERSION 3.16)
		project(hello C CXX)
		find_package(agnocast \${WANTED} REQUIRED)
		add_executable(talker ../hello_talker.c)
		add_executable(cpp hello.cpp)
		target_link_libraries(talker agnocast::agnocast)
		target_link_libraries(cpp agnocast::agnocast)
		set_property(TARGET cpp PROPERTY CXX_STANDARD 17)
	END
	cat >"$tmp/cmake/hello.cpp" <<-'END'
		#include <agnocast/agnocast.hpp>
		int main() { return agnocast_status() == 0; }
	END
	configure() { cmake -S "$tmp/cmake" -B "$tmp/cmake/$1" -DCMAKE_PREFIX_PATH="$stage/usr" -DWANTED="$2"; }
	works cmake_finds_it configure build "${version%.*}"
	works cmake_builds_with_it cmake --build "$tmp/cmake/build"
	works what_cmake_built_runs env -u MEMPOOL_SIZE "$tmp/cmake/build/cpp"
	fails cmake_refuses_a_later_series configure build 99.0
	fails cmake_refuses_an_earlier_series configure build 0.0
else
	skip cmake 'no cmake'
fi

# As somebody who installs for real, elsewhere.
works installs_into_a_prefix make -s -C "$repo" install PREFIX="$tmp/prefix"
units=$tmp/prefix/lib/systemd/system
if have systemd-analyze; then
	works units_are_right systemd-analyze verify --man=no "$units/agnocastd.service" "$units/agnocastd.socket"
	expect units_give_no_warning '' "$(cat "$tmp/out")"
	works the_service_is_confined systemd-analyze security --offline=yes --threshold=30 "$units/agnocastd.service"
else
	skip units 'no systemd-analyze'
fi
if have groff; then
	for page in "$tmp/prefix"/share/man/man?/*; do
		expect "page_$(basename "$page")" '' "$(groff -man -Tutf8 -ww -z "$page" 2>&1)"
	done
else
	skip man_pages 'no groff'
fi

# The module's source is complete: each object that Kbuild names has its file.
works installs_for_dkms make -s -C "$repo" install-dkms DESTDIR="$stage"
tree=$stage/usr/src/agnocast-$version
missing=
for o in $(sed -n 's/^[[:space:]]\([a-z_]*\)\.o \\$/\1/p' "$tree/kernel/Kbuild"); do
	[ -f "$tree/kernel/$o.c" ] || missing="$missing $o.c"
done
expect module_sources_are_complete '' "$missing"
expect version_of_dkms "PACKAGE_VERSION=\"$version\"" "$(grep PACKAGE_VERSION= "$tree/dkms.conf")"
headers=/lib/modules/$(uname -r)/build
if [ -d "$headers" ]; then
	works the_module_builds_from_there make -s -C "$headers" M="$tree/kernel" modules
else
	skip the_module_builds_from_there "no headers of the running kernel; the VM's tests build it"
fi

works uninstalls make -s -C "$repo" uninstall uninstall-dkms DESTDIR="$stage" PREFIX=/usr
expect nothing_is_left '' "$(find "$stage" -type f)"

echo "$passed passed, $failed failed, $skipped skipped"
[ $failed -eq 0 ]
