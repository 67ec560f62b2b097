/* SPDX-License-Identifier: BSD-2-Clause */
/* bitmap.c - sets of small numbers, a bit each, with runs found by the word */

#include "bitmap.h"

size_t bitmap_find(const uint64_t *map, bool value, size_t from, size_t end)
{
	const uint64_t flip = value ? 0 : UINT64_MAX;
	uint64_t word;

	while (from < end) {
		word = (map[from / 64] ^ flip) >> from % 64;
		if (word) {
			from += (size_t)__builtin_ctzll(word);
			return from < end ? from : end;
		}
		from = (from / 64 + 1) * 64;
	}
	return end;
}

size_t bitmap_set(uint64_t *map, bool value, size_t from, size_t end)
{
	size_t changed = 0;

	while (from < end) {
		size_t last = (from / 64 + 1) * 64 < end ? (from / 64 + 1) * 64 : end;
		uint64_t mask = UINT64_MAX >> (64 - (last - from)) << from % 64;
		uint64_t old = map[from / 64];

		map[from / 64] = value ? old | mask : old & ~mask;
		changed += (size_t)__builtin_popcountll(old ^ map[from / 64]);
		from = last;
	}
	return changed;
}

size_t bitmap_count(const uint64_t *map, bool value, size_t from, size_t end)
{
	size_t count = 0, first;

	while ((first = bitmap_find(map, value, from, end)) < end) {
		from = bitmap_find(map, !value, first, end);
		count += from - first;
	}
	return count;
}

size_t bitmap_runs(const uint64_t *map, size_t end)
{
	size_t runs = 0, from = 0;

	while ((from = bitmap_find(map, true, from, end)) < end) {
		from = bitmap_find(map, false, from, end);
		runs++;
	}
	return runs;
}

void bitmap_close_gaps(uint64_t *map, size_t gap, size_t end)
{
	size_t hole = bitmap_find(map, true, 0, end), next;

	while (hole < end) {
		hole = bitmap_find(map, false, hole, end);
		next = bitmap_find(map, true, hole, end);
		if (next < end && next - hole <= gap)
			bitmap_set(map, true, hole, next);
		hole = next;
	}
}
