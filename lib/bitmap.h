/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * bitmap.h - sets of small numbers, a bit each, with runs found by the word
 *
 * A map is bitmap_bytes() long; no bit beyond is looked at. Ranges are
 * [from, end). No locks.
 */
#ifndef AGNOCAST_BITMAP_H
#define AGNOCAST_BITMAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Bytes of a map of @bits: whole words. */
static inline size_t bitmap_bytes(size_t bits)
{
	return (bits + 63) / 64 * sizeof(uint64_t);
}

static inline bool bitmap_get(const uint64_t *map, size_t bit)
{
	return map[bit / 64] >> bit % 64 & 1;
}

/* The first bit of the range that is @value, or @end. */
size_t bitmap_find(const uint64_t *map, bool value, size_t from, size_t end);
/* Returns how many bits of the range changed. */
size_t bitmap_set(uint64_t *map, bool value, size_t from, size_t end);
/* How many bits of the range are @value. */
size_t bitmap_count(const uint64_t *map, bool value, size_t from, size_t end);
/* Runs of set bits in [0, end). */
size_t bitmap_runs(const uint64_t *map, size_t end);
/* Sets what is clear between two runs, up to @gap bits of it. */
void bitmap_close_gaps(uint64_t *map, size_t gap, size_t end);

#endif /* AGNOCAST_BITMAP_H */
