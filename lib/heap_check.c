/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * heap_check.c - AGNOCAST_HEAP_CHECK=1: every block of the heap is watched
 *
 * A table in private memory knows each block by its address, so no write of
 * the program can mislead it. Behind a block lie bytes that must not change. A
 * freed one is kept for a while, filled with a pattern that must not change
 * either, before its memory is anybody's again.
 */

#define _GNU_SOURCE 1
#include "heap_check.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "jemalloc.h"
#include "pi_mutex.h"
#include "raw.h"

#define FENCE		0xca
#define FENCE_BYTES	16		/* at least */
#define FREED		0xdb
#define KEPT_BLOCKS	4096		/* freed, and not yet anybody's */
#define KEPT_LARGEST	((size_t)1 << 20)
#define TABLE_FIRST	((size_t)1 << 14)

enum state { EMPTY, ALIVE, DEAD, LENT, GONE };

struct block {
	uintptr_t	at;
	size_t		size : 60;	/* as it was asked for */
	size_t		state : 4;
};

static pthread_mutex_t lock;		/* of all below */
static struct block *table;		/* open addressing; half of it is free */
static size_t table_size, table_used;	/* used: not EMPTY */
static void *kept[KEPT_BLOCKS];		/* ring */
static size_t kept_next;

/* The lock is held. One line, and the end: a handler of SIGABRT may still allocate. */
__attribute__((noreturn, format(printf, 2, 3)))
static void die(uintptr_t at, const char *format, ...)
{
	char line[256];
	va_list args;
	int len;

	len = snprintf(line, sizeof(line), "agnocast: heap check: 0x%zx: ", (size_t)at);
	va_start(args, format);
	len += vsnprintf(line + len, sizeof(line) - (size_t)len - 1, format, args);
	va_end(args);
	line[len++] = '\n';
	raw_write(STDERR_FILENO, line, (size_t)len);
	pthread_mutex_unlock(&lock);
	abort();
}

static size_t hash(uintptr_t at)
{
	return (size_t)((at >> 4) * UINT64_C(0x9e3779b97f4a7c15) >> 20);
}

static struct block *find(uintptr_t at)
{
	size_t i = hash(at);

	if (!table_size)
		return NULL;
	for (; table[i & (table_size - 1)].state != EMPTY; i++) {
		struct block *block = &table[i & (table_size - 1)];

		if (block->at == at && block->state != GONE)
			return block;
	}
	return NULL;
}

static void put(uintptr_t at, size_t size, enum state state)
{
	size_t i = hash(at);

	while (table[i & (table_size - 1)].state != EMPTY)
		i++;
	table[i & (table_size - 1)] = (struct block){ .at = at, .size = size, .state = state };
	table_used++;
}

/* Room for one more; also drops what is GONE. */
static bool make_place(void)
{
	struct block *old = table;
	size_t old_size = table_size, alive = 0;
	void *larger;

	if (table_used + 1 < table_size / 2)
		return true;
	for (size_t i = 0; i < old_size; i++)
		alive += old[i].state != EMPTY && old[i].state != GONE;
	table_size = TABLE_FIRST;
	while (table_size < 4 * (alive + 1))
		table_size *= 2;
	larger = mmap(NULL, table_size * sizeof(*table), PROT_READ | PROT_WRITE,
		      MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (larger == MAP_FAILED) {
		table_size = old_size;
		return false;
	}
	table = larger;
	table_used = 0;
	for (size_t i = 0; i < old_size; i++)
		if (old[i].state != EMPTY && old[i].state != GONE)
			put(old[i].at, old[i].size, old[i].state);
	if (old)
		munmap(old, old_size * sizeof(*old));
	return true;
}

/* The first of [from, to) that is not @byte, or @to. */
static const unsigned char *first_other(const unsigned char *from, const unsigned char *to,
					unsigned char byte)
{
	while (from < to && *from == byte)
		from++;
	return from;
}

static void check_fence(const struct block *block)
{
	const unsigned char *p = (const unsigned char *)block->at;
	const unsigned char *end = p + aj_malloc_usable_size((void *)block->at);
	const unsigned char *bad = first_other(p + block->size, end, FENCE);

	if (bad != end)
		die(block->at, "a block of %zu bytes was written beyond its end, at byte %zu",
		    (size_t)block->size, (size_t)(bad - p));
}

static void check_dead(const struct block *block)
{
	const unsigned char *p = (const unsigned char *)block->at;
	const unsigned char *bad = first_other(p, p + block->size, FREED);

	if (bad != p + block->size)
		die(block->at, "a block of %zu bytes was written after it was freed, at byte %zu",
		    (size_t)block->size, (size_t)(bad - p));
	check_fence(block);
}

/* The block that is alive at @at, or the end of the process. */
static struct block *expect_alive(uintptr_t at, const char *verb)
{
	struct block *block = find(at);

	if (block && block->state == ALIVE)
		return block;
	if (block && block->state == DEAD)
		die(at, "a block of %zu bytes was %s", (size_t)block->size,
		    strcmp(verb, "freed") ? "used after it was freed" : "freed twice");
	for (size_t i = 0; i < table_size; i++)
		if (table[i].state == ALIVE && at - table[i].at < table[i].size)
			die(at, "was %s, but it lies %zu bytes inside of a block of %zu bytes",
			    verb, (size_t)(at - table[i].at), (size_t)table[i].size);
	die(at, "was %s, but no block starts there", verb);
}

void *heap_check_alloc(size_t alignment, size_t size, bool zero)
{
	void *p = NULL;
	size_t fenced;

	if (__builtin_add_overflow(size, FENCE_BYTES, &fenced) ||
	    aj_posix_memalign(&p, alignment, fenced))
		return NULL;
	if (zero)
		memset(p, 0, size);
	memset((char *)p + size, FENCE, aj_malloc_usable_size(p) - size);
	pi_mutex_lock(&lock);
	if (make_place()) {
		put((uintptr_t)p, size, ALIVE);
	} else {
		aj_free(p);
		p = NULL;
	}
	pthread_mutex_unlock(&lock);
	return p;
}

/* The lock is held. The block leaves for good. */
static void bury(struct block *block)
{
	void *p = (void *)block->at;

	block->state = GONE;
	aj_free(p);
}

void heap_check_free(void *p)
{
	struct block *block, *oldest;

	pi_mutex_lock(&lock);
	block = expect_alive((uintptr_t)p, "freed");
	check_fence(block);
	if (block->size > KEPT_LARGEST) {
		bury(block);
	} else {
		memset(p, FREED, block->size);
		block->state = DEAD;
		oldest = kept[kept_next] ? find((uintptr_t)kept[kept_next]) : NULL;
		kept[kept_next] = p;
		kept_next = (kept_next + 1) % KEPT_BLOCKS;
		if (oldest) {
			check_dead(oldest);
			bury(oldest);
		}
	}
	pthread_mutex_unlock(&lock);
}

size_t heap_check_size(void *p)
{
	size_t size;

	pi_mutex_lock(&lock);
	size = expect_alive((uintptr_t)p, "asked for its size")->size;
	pthread_mutex_unlock(&lock);
	return size;
}

/* Always elsewhere, so that old pointers are found out. */
void *heap_check_realloc(void *p, size_t size)
{
	struct block *block;
	size_t old;
	void *got;

	pi_mutex_lock(&lock);
	block = expect_alive((uintptr_t)p, "resized");
	check_fence(block);
	old = block->size;
	pthread_mutex_unlock(&lock);
	got = heap_check_alloc(2 * sizeof(void *), size, false);
	if (!got)
		return NULL;
	memcpy(got, p, old < size ? old : size);
	heap_check_free(p);
	return got;
}

void heap_check_lend(void *p)
{
	pi_mutex_lock(&lock);
	if (p && make_place())
		put((uintptr_t)p, 0, LENT);
	pthread_mutex_unlock(&lock);
}

void heap_check_return(void *p)
{
	struct block *block;

	pi_mutex_lock(&lock);
	block = find((uintptr_t)p);
	if (!block)
		die((uintptr_t)p, "was freed, but it is not of this heap");
	block->state = GONE;
	pthread_mutex_unlock(&lock);
}

void heap_check_all(void)
{
	pi_mutex_lock(&lock);
	for (size_t i = 0; i < table_size; i++) {
		if (table[i].state == ALIVE)
			check_fence(&table[i]);
		else if (table[i].state == DEAD)
			check_dead(&table[i]);
	}
	pthread_mutex_unlock(&lock);
}

void heap_check_fork_prepare(void)
{
	pi_mutex_lock(&lock);
}

void heap_check_fork_parent(void)
{
	pthread_mutex_unlock(&lock);
}

void heap_check_fork_child(void)
{
	pi_mutex_init(&lock);
}
