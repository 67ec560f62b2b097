/* SPDX-License-Identifier: BSD-2-Clause */
/* test_bitmap.c - runs of bits, against a look at each bit */

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "bitmap.h"

#define BITS 300	/* several words, the last one not whole */

static uint64_t map[(BITS + 63) / 64];
static bool each[BITS];

static void same(void)
{
	for (size_t i = 0; i < BITS; i++)
		cr_assert_eq(bitmap_get(map, i), each[i], "bit %zu", i);
}

static size_t put(bool value, size_t from, size_t end)
{
	size_t changed = 0;

	for (size_t i = from; i < end; i++) {
		changed += each[i] != value;
		each[i] = value;
	}
	return changed;
}

static size_t first(bool value, size_t from, size_t end)
{
	while (from < end && each[from] != value)
		from++;
	return from;
}

/* A range within a word, over several, empty, up to the end. */
static void some_range(size_t *from, size_t *end)
{
	*from = (size_t)random() % (BITS + 1);
	*end = *from + (size_t)random() % (BITS + 1 - *from);
	if (random() % 2 && *end > *from + 3)
		*end = *from + 3;
}

Test(bitmap, is_what_a_look_at_each_bit_says)
{
	srandom(1);
	for (int round = 0; round < 5000; round++) {
		bool value = random() % 2;
		size_t from, end, runs = 0, count = 0;

		some_range(&from, &end);
		cr_assert_eq(bitmap_set(map, value, from, end), put(value, from, end));
		same();
		some_range(&from, &end);
		cr_assert_eq(bitmap_find(map, value, from, end), first(value, from, end),
			     "[%zu, %zu)", from, end);
		for (size_t i = from; i < end; i++)
			count += each[i] == value;
		cr_assert_eq(bitmap_count(map, value, from, end), count);
		for (size_t i = 0; i < end; i++)
			runs += each[i] && (!i || !each[i - 1]);
		cr_assert_eq(bitmap_runs(map, end), runs);
	}
}

Test(bitmap, gaps_between_runs_close_up_to_a_size)
{
	srandom(2);
	for (int round = 0; round < 1000; round++) {
		size_t gap = (size_t)random() % 20, last = BITS;

		for (int i = 0; i < 5; i++) {
			size_t from, end;

			some_range(&from, &end);
			bitmap_set(map, i % 2, from, end);
			put(i % 2, from, end);
		}
		for (size_t i = 0; i < BITS; i++) {
			if (!each[i])
				continue;
			if (last < i && i - last - 1 <= gap)
				put(true, last, i);
			last = i;
		}
		bitmap_close_gaps(map, gap, BITS);
		same();
	}
}

Test(bitmap, looks_at_no_bit_beyond)
{
	uint64_t two[2] = { 0, UINT64_MAX };

	cr_expect_eq(bitmap_bytes(64), 8);
	cr_expect_eq(bitmap_bytes(65), 16);
	cr_expect_eq(bitmap_find(two, true, 0, 64), 64);
	cr_expect_eq(bitmap_runs(two, 64), 0);
	cr_expect_eq(bitmap_set(two, true, 60, 64), 4);
	cr_expect_eq(bitmap_runs(two, 66), 1);
}
