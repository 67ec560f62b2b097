#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
#
# jemalloc.sh OUT.o - jemalloc with another view of the system, for libagnocast
#
# Takes the distribution's static, position-independent jemalloc (Debian:
# libjemalloc-dev) and renames symbols: its public functions become aj_*, the
# calls by which it gets memory become those of lib/heap_os.c. A call that is
# left over would put memory outside of the area: then this fails.
#
# JEMALLOC_PIC names the archive, if the compiler does not find it; CC, LD,
# AR, NM and OBJCOPY are honoured.

set -eu

[ $# -eq 1 ] || { echo "usage: $0 OUT.o" >&2; exit 2; }
out=$1
cc=${CC:-cc}
archive=${JEMALLOC_PIC:-$($cc -print-file-name=libjemalloc_pic.a)}
[ -f "$archive" ] || {
	echo "$0: no libjemalloc_pic.a: install libjemalloc-dev, or set JEMALLOC_PIC" >&2
	exit 1
}
archive=$(readlink -f "$archive")

mkdir -p "$(dirname "$out")"
work=$(mktemp -d "$out.XXXXXX")
trap 'rm -rf "$work"' EXIT

public='malloc calloc realloc free memalign valloc pvalloc posix_memalign
	aligned_alloc malloc_usable_size malloc_conf malloc_conf_2_conf_harder
	malloc_message malloc_stats_print mallctl mallctlbymib mallctlnametomib
	mallocx rallocx xallocx sallocx dallocx sdallocx nallocx'
system='mmap munmap madvise mprotect sbrk pthread_atfork secure_getenv readlink
	syscall open creat close dlsym pthread_setname_np
	pthread_mutex_init pthread_mutex_lock _Unwind_Backtrace _Unwind_GetIP exp log round'
# What must not be left undefined, by any name that libc has for it.
forbidden='mmap|mmap64|munmap|mremap|madvise|mprotect|sbrk|brk|syscall|open|open64|creat'

for name in $public; do echo "$name aj_$name"; done >"$work/symbols"
for name in $system; do echo "$name heap_os_${name#_}"; done >>"$work/symbols"

(cd "$work" && ${AR:-ar} x "$archive")
# operator new: libstdc++'s own calls our malloc
rm -f "$work/jemalloc_cpp.pic.o"
# Its constructor would start it also where the heap stays libc's.
${OBJCOPY:-objcopy} --remove-section .init_array --remove-section .rela.init_array \
	"$work/jemalloc.pic.o"
# What it knows about the heap stays private memory (DESIGN.md).
echo "je_extent_alloc_mmap heap_os_metadata" >"$work/base"
${OBJCOPY:-objcopy} --redefine-syms="$work/base" "$work/base.pic.o"
# The profiler is never on: it need not be made ready for.
for n in 0 1 2; do echo "je_prof_boot$n heap_os_prof_boot$n"; done >"$work/profiler"
${OBJCOPY:-objcopy} --redefine-syms="$work/profiler" "$work/jemalloc.pic.o"
# A thread's caches are to grow slowly.
echo "je_arena_cache_bin_fill_small heap_os_cache_fill" >"$work/cache"
${OBJCOPY:-objcopy} --redefine-syms="$work/cache" "$work/tcache.pic.o"
# And to begin without clearing memory that is clear.
echo "je_tsd_tcache_enabled_data_init heap_os_cache_begin" >"$work/begin"
${OBJCOPY:-objcopy} --redefine-syms="$work/begin" "$work/tsd.pic.o"
for object in "$work"/*.o; do
	${OBJCOPY:-objcopy} --redefine-syms="$work/symbols" "$object"
done
# What a start touches comes first, and lies together: fewer page faults.
n=10
for name in stats ctl ckh hpa hpdata psset sec inspect buf_writer prof prof_data prof_log \
	prof_recent prof_stats prof_sys; do
	mv "$work/$name.pic.o" "$work/z$n.$name.pic.o"
	n=$((n + 1))
done
${LD:-ld} -r -o "$work/area.o" "$work"/*.pic.o

left=$(${NM:-nm} -u "$work/area.o" | awk '{ print $2 }' | grep -Ex "$forbidden" || :)
[ -z "$left" ] || {
	echo "$0: this jemalloc still gets memory through: $left" >&2
	exit 1
}
for name in mmap munmap madvise metadata cache_fill cache_begin; do
	${NM:-nm} -u "$work/area.o" | grep -qw "heap_os_$name" || {
		echo "$0: this jemalloc is not built as expected: no call of $name" >&2
		exit 1
	}
done
mv "$work/area.o" "$out"
