/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * pagemap.h - two bits for each page of the heap
 *
 * Committed: the file has memory for it. Used: the allocator asked for it and
 * did not give it back. A page that is committed and not used is spare. Ranges
 * are [first, end), in pages. No locks, no system calls but for the maps' own
 * private memory.
 */
#ifndef AGNOCAST_PAGEMAP_H
#define AGNOCAST_PAGEMAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct pagemap {
	uint64_t	*committed;	/* bit map */
	uint64_t	*used;		/* bit map */
	size_t		end;		/* pages */
	size_t		count;		/* committed pages */
	size_t		top;		/* no page at or above was ever committed */
};

/* -ENOMEM. All pages are holes. */
int pagemap_create(struct pagemap *map, size_t pages);
void pagemap_destroy(struct pagemap *map);

/* A commit that was made, and its opposite. */
void pagemap_fill(struct pagemap *map, size_t first, size_t end);
void pagemap_empty(struct pagemap *map, size_t first, size_t end);

/* Returns how many pages of the range were not used before. */
size_t pagemap_use(struct pagemap *map, size_t first, size_t end);
void pagemap_disuse(struct pagemap *map, size_t first, size_t end);

/* The first page of the range that is committed or is not, or @end. */
size_t pagemap_find(const struct pagemap *map, bool committed, size_t first, size_t end);

/* Pages of the range that are not committed. */
size_t pagemap_holes(const struct pagemap *map, size_t first, size_t end);

/* The first run of spare pages in [*first, *end), which become its bounds. */
bool pagemap_next_spare(const struct pagemap *map, size_t *first, size_t *end);

/* The page behind the first @count spare ones from @page on; or the top. */
size_t pagemap_behind_spare(const struct pagemap *map, size_t page, size_t count);

/* The first run at or after *first; false: there is none. */
bool pagemap_next_committed(const struct pagemap *map, size_t *first, size_t *end);
bool pagemap_next_used(const struct pagemap *map, size_t *first, size_t *end);

/*
 * A forked child's: committed is from now on what is used, and small gaps
 * between. They are larger where that would be too many runs.
 */
void pagemap_keep_used(struct pagemap *map);

#endif /* AGNOCAST_PAGEMAP_H */
