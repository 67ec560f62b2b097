/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * pages.h - which pages of the own heap are committed
 *
 * Memory is promised (fallocate) before anyone gets it, and a page that was
 * given back is promised again before its next use. In a participant the
 * library's thread keeps some pages committed ahead of the heap, and gives
 * back what nobody came for. Allocates nothing; no cancellation point.
 */
#ifndef AGNOCAST_PAGES_H
#define AGNOCAST_PAGES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct pages_setup {
	uintptr_t	base;		/* the heap's addresses */
	size_t		size;		/* bytes of them */
	size_t		page;		/* bytes of a page */
	uint64_t	mempool_size;	/* bytes promised to a participant */
	uint64_t	max;		/* bytes that may be committed, promised ones included */
	bool		prefault;	/* a participant takes no page fault later */
	bool		huge;		/* commit in pieces that a huge page fits */
};

/* Before the first use. Commits nothing. */
int pages_create(const struct pages_setup *setup);
void pages_destroy(void);

/* Write .heap_committed of the area's header, if there is one. */
void pages_show(void);

/*
 * Promise the memory of whole pages, which are the caller's: all of them are
 * zero, if they were not already his. -ENOMEM: /dev/shm or a limit is exhausted,
 * and nothing changed.
 */
int pages_commit(void *p, size_t len);

/*
 * Give the caller's whole pages back to the system: they read as zero, and
 * need a commit before their next use. What MEMPOOL_SIZE promises to a
 * participant stays committed, and is only cleared; -EPERM where all of it is
 * of that kind.
 */
int pages_decommit(void *p, size_t len);

/* Commit all of MEMPOOL_SIZE, for good. -ENOSPC, -EFBIG, -ENOMEM: no. */
int pages_promise(void);

/* Bytes of MEMPOOL_SIZE that are not committed yet. */
uint64_t pages_promise_needs(void);

/*
 * From now on somebody calls pages_keep(): soon after @kick was called, which
 * may be inside of malloc, and at least once a second.
 */
void pages_keep_with(void (*kick)(void));

/* Commit ahead of the heap; give back what was committed ahead in vain. */
void pages_keep(void);

/*
 * mlockall(): take the page faults of all committed pages now, and with
 * @later of what will be committed when that happens.
 */
void pages_populate(bool later);
void pages_populate_no_more(void);

/*
 * The first run of committed pages at or after offset *@from in the heap:
 * *@from and *@to are its bounds. False: there is none.
 */
bool pages_next_run(size_t *from, size_t *to);

/* The same of pages that are the allocator's. */
bool pages_next_used(size_t *from, size_t *to);

/* Bytes of these. */
size_t pages_bytes_used(void);

/* Calls @each with the bounds of every such run, until it returns an error. */
int pages_each_run(int (*each)(size_t from, size_t to));

/*
 * fork: nothing changes between prepare and release. In a child with a private
 * copy pages_keep_used() comes first: committed is from then on what its parent
 * used, and a few pages between where that would be too many runs.
 */
void pages_fork_prepare(void);
void pages_fork_release(void);
void pages_fork_child(void);
void pages_keep_used(void);

#endif /* AGNOCAST_PAGES_H */
