#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
#
# run.sh - the library built for arm64, and the unit tests that need nothing else
# run there, under qemu-user
#
# What is missing is said and counted as skipped. Packages: gcc-aarch64-linux-gnu,
# libc6-dev-arm64-cross, qemu-user. The heap's allocator comes from Debian's
# libjemalloc-dev:arm64; without it the library is compiled and not linked.

set -u
repo=$(cd "$(dirname "$0")/../.." && pwd)
out=${BUILD:-$repo/build}/arm64
cc=${CROSS:-aarch64-linux-gnu-}gcc
flags="-std=gnu11 -O2 -g -Wall -Wextra -Werror -I$repo/include"
passed=0 failed=0

finish()
{
	echo "arm64: $passed passed, $failed failed, ${1:-0} skipped"
	[ $failed -eq 0 ]
	exit
}
ok() { echo "ok $1"; passed=$((passed + 1)); }
not_ok() { echo "not ok $1"; sed 's/^/# /' "$out/log" | head -n 20; failed=$((failed + 1)); }

command -v "$cc" >/dev/null || { echo "skip arm64: no $cc"; finish 1; }
mkdir -p "$out"

# Every file of the library, as lib/Makefile compiles it.
compiled=yes
for file in "$repo"/lib/*.c; do
	# shellcheck disable=SC2086 # a list of flags
	$cc $flags -D_GNU_SOURCE -fPIC -fvisibility=hidden -ftls-model=initial-exec -fno-builtin \
		-I"$repo/lib" -c -o "$out/$(basename "$file" .c).o" "$file" >"$out/log" 2>&1 ||
		{ not_ok "compiles_$(basename "$file")"; compiled=no; }
done
[ $compiled = no ] || ok the_library_compiles

# The registry core and its daemon.
# shellcheck disable=SC2086
$cc $flags -I"$repo/kernel/shim" -I"$repo/kernel" -o "$out/agnocastd" "$repo"/tools/agnocastd/*.c \
	"$repo"/kernel/{bell,listing,mapping,registry,roster,topic,window}.c >"$out/log" 2>&1 &&
	ok agnocastd_links || not_ok agnocastd_links

qemu=$(command -v qemu-aarch64 || command -v qemu-aarch64-static) ||
	{ echo 'skip running: no qemu-aarch64'; finish 1; }

# unit NAME FLAGS SOURCE... - tests/unit/test_NAME.c with a small criterion
unit()
{
	local name=$1 sum
	# shellcheck disable=SC2086
	$cc $flags -D_GNU_SOURCE -O1 -I"$repo/tests/arm64" $2 -o "$out/test_$name" "$repo/tests/unit/test_$name.c" \
		"${@:3}" -lpthread >"$out/log" 2>&1 || { not_ok "$name: does not build"; return; }
	timeout 300 "$qemu" -L /usr/aarch64-linux-gnu "$out/test_$name" >"$out/log" 2>&1 ||
		grep -v '^ok' "$out/log"
	sum=$(grep -oE '^[0-9]+ passed, [0-9]+ failed' "$out/log") || { not_ok "$name: no result"; return; }
	echo "# $name: $sum"
	# shellcheck disable=SC2086 # its words are the numbers
	set -- $sum
	passed=$((passed + $1)) failed=$((failed + $3))
}

unit uapi ""
unit ring "-I$repo/lib" "$repo/lib/ring.c"
unit registry "-I$repo/kernel/shim -I$repo/kernel" "$repo"/kernel/{bell,listing,mapping,registry,roster,topic,window}.c

if [ -f /usr/lib/aarch64-linux-gnu/libjemalloc_pic.a ]; then
	make -s -C "$repo/lib" BUILD="$out/build" CC="$cc" >"$out/log" 2>&1 &&
		ok the_library_links || not_ok the_library_links
	finish
fi
echo 'skip linking: no libjemalloc-dev:arm64'
finish 1
