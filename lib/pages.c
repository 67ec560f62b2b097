/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * pages.c - which pages of the own heap are committed
 *
 * What is committed and what is used is in a pagemap. Spare pages are part of
 * the promised MEMPOOL_SIZE, or committed ahead.
 *
 * Every system call runs under the lock, on few pages at a time. So none of our
 * threads ever waits for the kernel's own lock of the file, which does not know
 * priorities; this one does.
 */

#define _GNU_SOURCE 1
#include "pages.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/single_threaded.h>

#include "area.h"
#include "clock.h"
#include "pagemap.h"
#include "pi_mutex.h"
#include "probes.h"

#define KIB		((size_t)1024)
#define MIB		(1024 * KIB)
#define FIRST_STEP	(64 * KIB)	/* what a small heap commits beyond its need */
#define LAST_STEP	(MIB)		/* and a large one */
#define STEP		(128 * KIB)	/* how long others wait: some 30 us */
#define STEP_ALONE	(16 * MIB)	/* where there are no others */
#define HUGE		(2 * MIB)
#define AHEAD_MIN	(1 * MIB)
#define AHEAD_MAX	(16 * MIB)
#define KEPT_BLOCK	MIB		/* of what is given back at once, so much may stay */
#define KEPT_STEP	(64 * KIB)	/* how long those wait for that who do not need it */
#define FRONTS		4		/* places where the heap grows, one for each busy arena */
#define IDLE_NS		2000000000	/* without growth: then spare pages go back */

static pthread_mutex_t pages_lock;

static struct {
	/* constant after the join */
	uintptr_t	base;
	size_t		page;
	size_t		max;		/* pages */
	size_t		mempool;	/* pages of MEMPOOL_SIZE */
	bool		prefault;
	size_t		unit;		/* pages that are committed together */
	size_t		step;		/* pages of one system call that others wait for */
	/* pages_lock */
	struct pagemap	map;
	size_t		callers;	/* inside of pages_commit() */
	size_t		promised;	/* pages below are never given back */
	size_t		front[FRONTS];	/* page after a growth; the latest first */
	size_t		kept;		/* about so many pages are free, but were not given back */
	uint64_t	grown_ns;	/* time of the latest growth */
	bool		kicked;
	bool		scarce;		/* the latest growth failed */
	bool		populate;	/* mlockall() wants it */
	void		(*kick)(void);
} pages;

static size_t to_pages(size_t bytes)
{
	return (bytes + pages.page - 1) / pages.page;
}

void pages_show(void)
{
	if (own_area.header)
		atomic_store_explicit(&own_area.header->heap_committed, pages.map.count * pages.page,
				      memory_order_relaxed);
}

/* No page fault later. A kernel before 5.14 touches page by page. */
static void populate(size_t first, size_t end)
{
	char *p = (char *)pages.base + first * pages.page;
	size_t len = (end - first) * pages.page;
	int saved = errno;

	if (madvise(p, len, MADV_POPULATE_WRITE))
		for (size_t i = 0; i < len; i += pages.page)
			__atomic_fetch_or(p + i, 0, __ATOMIC_RELAXED);
	errno = saved;
}

/* pages_lock. */
static bool wants_populated(void)
{
	return pages.populate || (pages.prefault && pages.promised);
}

static void mark_committed(size_t first, size_t end)
{
	pagemap_fill(&pages.map, first, end);
	pages_show();
}

static void mark_hole(size_t first, size_t end)
{
	pagemap_empty(&pages.map, first, end);
	pages_show();
}

static size_t room(void)
{
	return pages.max - pages.map.count;
}

/* What is committed for the sake of [*first, *end): whole units, where they fit. */
static void widen(size_t *first, size_t *end)
{
	size_t from = *first / pages.unit * pages.unit;
	size_t to = (*end + pages.unit - 1) / pages.unit * pages.unit;

	if (to <= pages.map.end && pagemap_holes(&pages.map, from, to) <= room()) {
		*first = from;
		*end = to;
	}
}

/* pages_lock. Commit the hole [first, end). */
static int fill_here(size_t first, size_t end)
{
	int ret = area_file_commit(first * pages.page, (end - first) * pages.page);

	if (ret)
		return ret;
	mark_committed(first, end);
	if (wants_populated())
		populate(first, end);
	return 0;
}

/* Pages of one system call. One thread cannot keep another waiting. */
static size_t one_step(void)
{
	size_t alone = to_pages(STEP_ALONE);

	return __libc_single_threaded && pages.step < alone ? alone : pages.step;
}

/*
 * How far beyond a growth: a small heap pays for a few pages, a large one makes
 * few calls. A participant's thread does better.
 */
static size_t step_beyond(void)
{
	size_t step = pages.map.count * pages.page / 8;

	if (step < FIRST_STEP || pages.kick)
		step = FIRST_STEP;
	if (step > LAST_STEP)
		step = LAST_STEP;
	step = to_pages(step);
	return step < one_step() ? step : one_step();
}

/* pages_lock. The hole [first, end) is the caller's; what follows it may be taken along. */
static int fill_small(size_t first, size_t end)
{
	size_t beyond = first + step_beyond();

	if (beyond > pages.map.end)
		beyond = pages.map.end;
	beyond = pagemap_find(&pages.map, true, first, beyond);
	if (beyond > end && beyond - first <= room() && !fill_here(first, beyond))
		return 0;
	return fill_here(first, end);
}

/* Between two steps: a waiter gets the lock, since it is handed on. */
static void breathe(void)
{
	pthread_mutex_unlock(&pages_lock);
	pi_mutex_lock(&pages_lock);
}

/*
 * pages_lock, dropped in between. All of [first, end), which is the caller's,
 * in address order; *@done is how far it came.
 */
static int fill(size_t first, size_t end, size_t *done)
{
	size_t hole, stop;
	int ret;

	widen(&first, &end);
	*done = first;
	ret = pagemap_holes(&pages.map, first, end) > room() ? -ENOMEM : 0;
	while (!ret && (hole = pagemap_find(&pages.map, false, *done, end)) < end) {
		stop = pagemap_find(&pages.map, true, hole, end);
		if (stop - hole > one_step())
			stop = hole + one_step();
		ret = fill_small(hole, stop);
		*done = ret ? hole : stop;
		if (*done < end)
			breathe();
	}
	return ret;
}

static size_t ahead_pages(void)
{
	size_t bytes = pages.map.count * pages.page / 16;

	if (bytes < AHEAD_MIN)
		bytes = AHEAD_MIN;
	return to_pages(bytes > AHEAD_MAX ? AHEAD_MAX : bytes);
}

/* pages_lock, dropped in between. The pages are the caller's. */
static void punch(size_t first, size_t end)
{
	size_t stop;

	for (; first < end; first = stop) {
		char *p = (char *)pages.base + first * pages.page;

		stop = end - first > one_step() ? first + one_step() : end;
		if (!area_file_punch(first * pages.page, (stop - first) * pages.page))
			mark_hole(first, stop);
		else	/* as good to the caller, who is told that it is zero */
			memset(p, 0, (stop - first) * pages.page);
		pagemap_disuse(&pages.map, first, stop);
		breathe();
	}
}

/*
 * pages_lock, dropped in between. Some of what was given back, and still is
 * the caller's, is committed again at once by the thread that has the time: a
 * busy heap wants it soon, by a thread that may have none. The lowest part,
 * since that is what jemalloc takes first.
 */
static void keep_some(size_t first, size_t end)
{
	size_t stop, wanted = to_pages(KEPT_BLOCK), step = to_pages(KEPT_STEP);

	if (end - first > wanted)
		end = first + wanted;
	for (; pages.kick && !pages.scarce && first < end; first = stop) {
		stop = end - first > step ? first + step : end;
		if (stop - first > room() || pages.kept + stop - first > ahead_pages() ||
		    pagemap_find(&pages.map, true, first, stop) < stop || fill_here(first, stop))
			return;
		pages.kept += stop - first;
		breathe();
	}
}

/* pages_lock. A commit failed at @done: nothing that it did may stay. */
static void take_back(size_t first, size_t done)
{
	size_t end = done;

	if (first < pages.promised)
		first = pages.promised;
	for (; pagemap_next_spare(&pages.map, &first, &end); first = end, end = done)
		punch(first, end);
}

static size_t ahead_of(size_t front, size_t count)
{
	return front + count < pages.map.end ? front + count : pages.map.end;
}

/* pages_lock. The heap grew up to @end: is the thread to commit what comes next? */
static bool note_front(size_t first, size_t end)
{
	size_t i;

	pages.grown_ns = clock_ns();
	for (i = 0; i < FRONTS - 1; i++)
		if (pages.front[i] >= first && pages.front[i] < end)
			break;
	memmove(&pages.front[1], &pages.front[0], i * sizeof(pages.front[0]));
	pages.front[0] = end;
	if (pages.kicked || pagemap_find(&pages.map, false, end, ahead_of(end, ahead_pages() / 2)) ==
			    ahead_of(end, ahead_pages() / 2))
		return false;
	pages.kicked = true;
	return true;
}

static void count_growth(const void *p, size_t len, int ret)
{
	struct agnocast_area *header = own_area.header;

	PROBE(grow, p, len, ret);
	if (!header)
		return;
	if (ret)
		atomic_fetch_add_explicit(&header->grow_failures, 1, memory_order_relaxed);
	else if (pages.map.count > pages.mempool)
		atomic_fetch_add_explicit(&header->grows, 1, memory_order_relaxed);
}

int pages_commit(void *p, size_t len)
{
	size_t first = ((uintptr_t)p - pages.base) / pages.page, done, took;
	size_t end = first + to_pages(len);
	bool grew, kick = false;
	int ret = 0;

	pi_mutex_lock(&pages_lock);
	pages.callers++;
	grew = pagemap_find(&pages.map, false, first, end) < end;
	if (grew) {
		ret = fill(first, end, &done);
		if (ret)
			take_back(first, done);
		pages.scarce = ret != 0;
		count_growth(p, len, ret);
	}
	if (!ret) {
		took = pagemap_use(&pages.map, first, end);
		pages.kept -= took < pages.kept ? took : pages.kept;
		kick = pages.kick && note_front(first, end);
	}
	pages.callers--;
	pthread_mutex_unlock(&pages_lock);
	if (kick)
		pages.kick();
	return ret ? -ENOMEM : 0;
}

int pages_decommit(void *p, size_t len)
{
	size_t first = ((uintptr_t)p - pages.base) / pages.page;
	size_t end = first + len / pages.page, kept = first;

	pi_mutex_lock(&pages_lock);
	if (end > pages.promised) {
		if (first < pages.promised) {
			kept = pages.promised;
			pthread_mutex_unlock(&pages_lock);
			memset(p, 0, (kept - first) * pages.page);
			pi_mutex_lock(&pages_lock);
			pagemap_disuse(&pages.map, first, kept);
		}
		punch(kept, end);
		keep_some(kept, end);
	}
	pthread_mutex_unlock(&pages_lock);
	return end > pages.promised ? 0 : -EPERM;
}

uint64_t pages_promise_needs(void)
{
	uint64_t need;

	pi_mutex_lock(&pages_lock);
	need = pagemap_holes(&pages.map, 0, pages.mempool) * pages.page;
	pthread_mutex_unlock(&pages_lock);
	return need;
}

int pages_promise(void)
{
	size_t done;
	int ret;

	pi_mutex_lock(&pages_lock);
	pages.callers++;
	ret = fill(0, pages.mempool, &done);
	if (ret)
		take_back(0, done);
	else
		pages.promised = pages.mempool;
	pages.callers--;
	pthread_mutex_unlock(&pages_lock);
	if (!ret && pages.prefault)
		populate(0, pages.mempool);
	return ret;
}

void pages_keep_with(void (*kick)(void))
{
	pi_mutex_lock(&pages_lock);
	pages.grown_ns = clock_ns();
	pages.kick = kick;
	pthread_mutex_unlock(&pages_lock);
}

/* The page where the addresses start that an arena will get next. */
static size_t next_piece(void)
{
	return to_pages(atomic_load_explicit(&own_area.header->heap_used, memory_order_relaxed));
}

/* pages_lock. One small step ahead of @front. False: there is nothing to do. */
static bool step_ahead(size_t front, size_t count)
{
	size_t far = ahead_of(front, count);
	size_t hole = pagemap_find(&pages.map, false, front, far);
	size_t stop = pagemap_find(&pages.map, true, hole, far);

	if (stop - hole > pages.step)
		stop = hole + pages.step;
	if (stop - hole > room())
		stop = hole + room();
	return hole < stop && !fill_here(hole, stop);
}

/*
 * pages_lock. Where the heap grew, where it gets new addresses, and behind what
 * is promised: jemalloc likes the lowest address that it has.
 */
static bool step_somewhere(void)
{
	for (size_t i = 0; i < FRONTS; i++)
		if (pages.front[i] && step_ahead(pages.front[i], ahead_pages()))
			return true;
	return step_ahead(next_piece(), to_pages(AHEAD_MIN)) ||
	       step_ahead(pages.promised, to_pages(AHEAD_MIN));
}

static void keep_ahead(void)
{
	bool more = true;

	while (more) {
		pi_mutex_lock(&pages_lock);
		pages.kicked = false;
		more = step_somewhere();
		pthread_mutex_unlock(&pages_lock);
	}
}

/* pages_lock. Where from *@page on is a spare page that nobody is about to need? */
static bool find_spare(size_t *page, size_t *end)
{
	const size_t front = pages.front[0], kept = ahead_of(front, ahead_pages() / 2);

	*end = pages.map.top;
	while (pagemap_next_spare(&pages.map, page, end)) {
		if (*page < front || *page >= kept) {
			if (*page < front && *end > front)
				*end = front;
			if (*end - *page > pages.step)
				*end = *page + pages.step;
			return true;
		}
		*page = kept;
		*end = pages.map.top;
	}
	return false;
}

/*
 * All but a sixteenth of the heap, which spares threads in a hurry a system
 * call: half of it where the heap grew last, half at the lowest addresses.
 * Under the lock: as soon as it is free, a spare page may be somebody's.
 */
static void give_back_spare(void)
{
	size_t page, end;
	bool more = true;

	pi_mutex_lock(&pages_lock);
	page = pagemap_behind_spare(&pages.map, pages.promised, ahead_pages() / 2);
	pthread_mutex_unlock(&pages_lock);
	while (more) {
		pi_mutex_lock(&pages_lock);
		memset(&pages.front[1], 0, sizeof(pages.front) - sizeof(pages.front[0]));
		pages.kept = 0;
		more = !pages.callers && find_spare(&page, &end) &&
		       !area_file_punch(page * pages.page, (end - page) * pages.page);
		if (more) {
			mark_hole(page, end);
			page = end;
		}
		pthread_mutex_unlock(&pages_lock);
	}
}

void pages_keep(void)
{
	bool idle;

	pi_mutex_lock(&pages_lock);
	idle = clock_ns() - pages.grown_ns > IDLE_NS;
	pthread_mutex_unlock(&pages_lock);
	if (idle)
		give_back_spare();
	else
		keep_ahead();
}

void pages_populate(bool later)
{
	size_t from = 0, to;

	pi_mutex_lock(&pages_lock);
	pages.populate = later;
	for (; pages_next_run(&from, &to); from = to)
		populate(from / pages.page, to / pages.page);
	pthread_mutex_unlock(&pages_lock);
}

void pages_populate_no_more(void)
{
	pi_mutex_lock(&pages_lock);
	pages.populate = false;
	pthread_mutex_unlock(&pages_lock);
}

static bool in_bytes(bool (*next)(const struct pagemap *, size_t *, size_t *),
		     size_t *from, size_t *to)
{
	size_t first = *from / pages.page, end;
	bool found = next(&pages.map, &first, &end);

	*from = first * pages.page;
	*to = end * pages.page;
	return found;
}

bool pages_next_run(size_t *from, size_t *to)
{
	return in_bytes(pagemap_next_committed, from, to);
}

bool pages_next_used(size_t *from, size_t *to)
{
	return in_bytes(pagemap_next_used, from, to);
}

size_t pages_bytes_used(void)
{
	size_t from = 0, to, bytes = 0;

	for (; pages_next_used(&from, &to); from = to)
		bytes += to - from;
	return bytes;
}

int pages_each_run(int (*each)(size_t from, size_t to))
{
	size_t from = 0, to;
	int ret = 0;

	pi_mutex_lock(&pages_lock);
	for (; !ret && pages_next_run(&from, &to); from = to)
		ret = each(from, to);
	pthread_mutex_unlock(&pages_lock);
	return ret;
}

int pages_create(const struct pages_setup *setup)
{
	pi_mutex_init(&pages_lock);
	memset(&pages, 0, sizeof(pages));
	pages.base = setup->base;
	pages.page = setup->page;
	pages.max = setup->max / setup->page;
	pages.mempool = to_pages(setup->mempool_size);
	pages.prefault = setup->prefault;
	pages.unit = setup->huge ? to_pages(HUGE) : 1;
	pages.step = to_pages(setup->huge ? HUGE : STEP);
	return pagemap_create(&pages.map, setup->size / setup->page);
}

void pages_destroy(void)
{
	pagemap_destroy(&pages.map);
	memset(&pages, 0, sizeof(pages));
}

void pages_fork_prepare(void)
{
	pi_mutex_lock(&pages_lock);
}

void pages_fork_release(void)
{
	pthread_mutex_unlock(&pages_lock);
}

void pages_fork_child(void)
{
	pi_mutex_init(&pages_lock);
}

void pages_keep_used(void)
{
	pages.promised = 0;
	pages.callers = 0;
	pages.populate = false;
	pages.kick = NULL;
	memset(pages.front, 0, sizeof(pages.front));
	pagemap_keep_used(&pages.map);
}
