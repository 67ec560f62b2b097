/* SPDX-License-Identifier: BSD-2-Clause */
/* test_pagemap.c - runs of pages, against a look at each page */

#include <criterion/criterion.h>
#include <stdlib.h>

#include "pagemap.h"

#define PAGES 300

static struct pagemap map;
static bool committed[PAGES], used[PAGES];

static void create(void)
{
	cr_assert_eq(pagemap_create(&map, PAGES), 0);
	srandom(1);
}

static void destroy(void)
{
	pagemap_destroy(&map);
}

TestSuite(pagemap, .init = create, .fini = destroy);

static size_t set(bool *each, bool value, size_t first, size_t end)
{
	size_t changed = 0;

	for (; first < end; first++) {
		changed += each[first] != value;
		each[first] = value;
	}
	return changed;
}

/* Also of pages that are not committed: so it is for a moment, while a commit fails. */
static void change_something(void)
{
	size_t first = (size_t)random() % PAGES, end = first + (size_t)random() % 20;

	end = end < PAGES ? end : PAGES;
	switch (random() % 4) {
	case 0:
		pagemap_fill(&map, first, end);
		set(committed, true, first, end);
		break;
	case 1:
		pagemap_empty(&map, first, end);
		set(committed, false, first, end);
		break;
	case 2:
		cr_assert_eq(pagemap_use(&map, first, end), set(used, true, first, end));
		break;
	default:
		pagemap_disuse(&map, first, end);
		set(used, false, first, end);
	}
}

static bool is_spare(size_t page)
{
	return committed[page] && !used[page];
}

static void look(size_t from, size_t limit)
{
	size_t first = from, end = limit, spare = from, stop, count = 0;

	while (spare < limit && !is_spare(spare))
		spare++;
	for (stop = spare; stop < limit && is_spare(stop); stop++)
		;
	cr_assert_eq(pagemap_next_spare(&map, &first, &end), spare < limit);
	if (spare < limit)
		cr_assert(first == spare && end == stop, "[%zu, %zu)", first, end);
	for (size_t i = from; i < limit; i++)
		count += !committed[i];
	cr_assert_eq(pagemap_holes(&map, from, limit), count);
}

/* Where so many spare pages of the rest lie below. */
static void look_behind(size_t from, size_t count)
{
	size_t page = from;

	for (size_t left = count; page < map.top && left; page++)
		left -= is_spare(page);
	cr_assert_eq(pagemap_behind_spare(&map, from, count), page, "%zu", count);
}

Test(pagemap, is_what_a_look_at_each_page_says)
{
	for (int round = 0; round < 5000; round++) {
		size_t from = (size_t)random() % PAGES, count = 0;

		change_something();
		look(from, from + (size_t)random() % (PAGES - from));
		for (size_t i = 0; i < PAGES; i++) {
			count += committed[i];
			cr_assert(!committed[i] || i < map.top);
		}
		cr_assert_eq(map.count, count);
		if (from < map.top)
			look_behind(from, 1 + (size_t)random() % 10);
	}
}

Test(pagemap, a_child_keeps_what_is_used_and_small_gaps)
{
	size_t first = 0, end;

	pagemap_fill(&map, 0, 250);
	pagemap_use(&map, 10, 20);
	pagemap_use(&map, 30, 40);
	pagemap_use(&map, 100, 101);
	pagemap_keep_used(&map);
	cr_assert(pagemap_next_committed(&map, &first, &end));
	cr_assert(first == 10 && end == 40, "[%zu, %zu)", first, end);
	first = end;
	cr_assert(pagemap_next_committed(&map, &first, &end));
	cr_assert(first == 100 && end == 101, "[%zu, %zu)", first, end);
	first = end;
	cr_assert_not(pagemap_next_committed(&map, &first, &end));
	cr_assert_eq(map.count, 31);
}
