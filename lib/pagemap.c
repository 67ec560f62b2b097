/* SPDX-License-Identifier: BSD-2-Clause */
/* pagemap.c - two bits for each page of the heap: committed, used */

#define _GNU_SOURCE 1
#include "pagemap.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>

#include "bitmap.h"

#define GAP		16	/* pages; smaller ones are not worth a mapping */
#define RUNS_MAX	1000	/* mappings of a forked child's heap; the kernel allows for 65,530 */

int pagemap_create(struct pagemap *map, size_t pages)
{
	size_t each = bitmap_bytes(pages);
	uint64_t *maps = mmap(NULL, 2 * each, PROT_READ | PROT_WRITE,
			      MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (maps == MAP_FAILED)
		return -ENOMEM;
	*map = (struct pagemap){
		.committed = maps, .used = maps + each / sizeof(*maps), .end = pages,
	};
	return 0;
}

void pagemap_destroy(struct pagemap *map)
{
	if (map->committed)
		munmap(map->committed, 2 * bitmap_bytes(map->end));
	*map = (struct pagemap){ 0 };
}

void pagemap_fill(struct pagemap *map, size_t first, size_t end)
{
	map->count += bitmap_set(map->committed, true, first, end);
	if (map->top < end)
		map->top = end;
}

void pagemap_empty(struct pagemap *map, size_t first, size_t end)
{
	map->count -= bitmap_set(map->committed, false, first, end);
}

size_t pagemap_use(struct pagemap *map, size_t first, size_t end)
{
	return bitmap_set(map->used, true, first, end);
}

void pagemap_disuse(struct pagemap *map, size_t first, size_t end)
{
	bitmap_set(map->used, false, first, end);
}

size_t pagemap_find(const struct pagemap *map, bool committed, size_t first, size_t end)
{
	return bitmap_find(map->committed, committed, first, end);
}

size_t pagemap_holes(const struct pagemap *map, size_t first, size_t end)
{
	return bitmap_count(map->committed, false, first, end);
}

bool pagemap_next_spare(const struct pagemap *map, size_t *first, size_t *end)
{
	size_t page = *first;

	while (page < *end) {
		page = bitmap_find(map->committed, true, page, *end);
		page = bitmap_find(map->used, false, page, *end);
		if (page < *end && bitmap_get(map->committed, page)) {
			*first = page;
			*end = bitmap_find(map->used, true, page, *end);
			*end = bitmap_find(map->committed, false, page, *end);
			return true;
		}
	}
	return false;
}

size_t pagemap_behind_spare(const struct pagemap *map, size_t page, size_t count)
{
	while (count) {
		size_t first = page, end = map->top;

		if (!pagemap_next_spare(map, &first, &end))
			return map->top;
		page = end - first > count ? first + count : end;
		count -= page - first;
	}
	return page;
}

static bool next_run(const uint64_t *bits, size_t top, size_t *first, size_t *end)
{
	*first = bitmap_find(bits, true, *first, top);
	*end = bitmap_find(bits, false, *first, top);
	return *first < *end;
}

bool pagemap_next_committed(const struct pagemap *map, size_t *first, size_t *end)
{
	return next_run(map->committed, map->top, first, end);
}

bool pagemap_next_used(const struct pagemap *map, size_t *first, size_t *end)
{
	return next_run(map->used, map->top, first, end);
}

void pagemap_keep_used(struct pagemap *map)
{
	memcpy(map->committed, map->used, bitmap_bytes(map->top));
	for (size_t gap = GAP; gap == GAP || bitmap_runs(map->committed, map->top) > RUNS_MAX;
	     gap *= 2)
		bitmap_close_gaps(map->committed, gap, map->top);
	map->count = map->top - pagemap_holes(map, 0, map->top);
}
