/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * heap_cache.c - how a thread's caches begin and grow
 *
 * What jemalloc takes for a new thread's caches it wants zeroed, all of it, and
 * most is never used: not to touch it is five page faults less.
 *
 * jemalloc fills the cache of a size with up to a hundred blocks at the first
 * call. Elsewhere that costs addresses; here it is memory, which is committed.
 * So the first time a page full will do, or one block, and twice as much each
 * time after: a thread that wants few blocks takes little, and one that wants
 * many is soon where it would have begun. Not while its frees go past the cache,
 * which is why it has to be filled again then.
 */

#include "jemalloc.h"

#define FIRST_FILL	4096	/* bytes */
#define SIZES		64	/* more than jemalloc's small ones */

static __thread uint8_t fills[SIZES];	/* of each size, until there is no limit */

bool heap_os_cache_begin(void *tsd)
{
	bool before = heap_os_zero_begin(), failed;

	failed = je_tsd_tcache_enabled_data_init(tsd);
	heap_os_zero_end(before);
	return failed;
}

void heap_os_cache_fill(void *tsdn, void *arena, void *bin, void *info, unsigned size_index,
			unsigned count)
{
	size_t most;

	if (size_index < SIZES) {
		most = ((size_t)FIRST_FILL << fills[size_index]) / je_sz_index2size_tab[size_index];
		if (most < count) {
			count = most ? (unsigned)most : 1;
			fills[size_index] += !heap_os_uncached;
		}
	}
	je_arena_cache_bin_fill_small(tsdn, arena, bin, info, size_index, count);
}
