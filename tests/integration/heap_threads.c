/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * heap_threads.c - threads that allocate, resize, hand over and free at once
 *
 * Each block carries its size and a pattern; whoever frees it checks both.
 */

#include <pthread.h>
#include <stdatomic.h>

#include "heap_test.h"

#define THREADS	8
#define SHELF	512	/* blocks that any thread may take */
#define OWN	200

struct block {
	size_t	size;
	unsigned char pattern;
	unsigned char bytes[];
};

static _Atomic(struct block *) shelf[SHELF];
static atomic_int torn, outside, refused;
static int rounds;

static struct block *make(unsigned int *seed)
{
	unsigned int r = (unsigned int)rand_r(seed);
	size_t size = r % 100 < 90 ? r % 700 : r % 100 < 99 ? r % 40000 : r % 3000000;
	struct block *block = r & 1 << 20 ? malloc(sizeof(*block) + size)
					  : aligned_alloc(64, sizeof(*block) + size);

	if (!block) {
		refused++;
		return NULL;
	}
	if (!in_area(block))
		outside++;
	block->size = size;
	block->pattern = (unsigned char)r;
	memset(block->bytes, block->pattern, size);
	return block;
}

static void verify(const struct block *block, size_t size)
{
	for (size_t i = 0; i < size; i++)
		if (block->bytes[i] != block->pattern) {
			torn++;
			return;
		}
}

static void drop(struct block *block)
{
	if (!block)
		return;
	verify(block, block->size);
	free(block);
}

static struct block *resize(struct block *block, unsigned int *seed)
{
	size_t old = block ? block->size : 0, size = (size_t)rand_r(seed) % 60000;
	struct block *got = block ? realloc(block, sizeof(*block) + size) : NULL;

	if (!got)
		return block;
	verify(got, old < size ? old : size);
	got->size = size;
	memset(got->bytes, got->pattern, size);
	return got;
}

static void *hammer(void *arg)
{
	unsigned int seed = (unsigned int)(uintptr_t)arg;
	struct block *own[OWN] = { NULL };

	for (int i = 0; i < rounds; i++) {
		unsigned int r = (unsigned int)rand_r(&seed);
		struct block **at = &own[r % OWN];

		if (r >> 12 & 1) {
			*at = resize(*at, &seed);
		} else if (r >> 13 & 1) {
			*at = atomic_exchange(&shelf[r % SHELF], *at);
		} else {
			drop(*at);
			*at = make(&seed);
		}
	}
	for (int i = 0; i < OWN; i++)
		drop(own[i]);
	return NULL;
}

/* Threads that come and go leave their caches behind in good order. */
static void generations(void)
{
	pthread_t threads[THREADS];
	int made = 0;

	for (int g = 0; g < scaled(12); g++) {
		rounds = 300;
		for (int i = 0; i < THREADS; i++)
			made += !pthread_create(&threads[i], NULL, hammer,
						(void *)(uintptr_t)(g * THREADS + i + 1));
		for (int i = 0; i < THREADS; i++)
			pthread_join(threads[i], NULL);
	}
	check("threads_come_and_go", made == scaled(12) * THREADS, "%d made", made);
}

int main(void)
{
	pthread_t threads[THREADS];

	free(malloc(1));
	find_area();
	rounds = scaled(20000);
	for (uintptr_t i = 0; i < THREADS; i++)
		pthread_create(&threads[i], NULL, hammer, (void *)(i + 1));
	for (int i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	generations();
	for (int i = 0; i < SHELF; i++)
		drop(shelf[i]);
	check("threads_keep_their_blocks", !torn, "%d torn", torn);
	check("threads_allocate_in_the_area", !outside, "%d outside", outside);
	check("threads_get_memory", !refused, "%d refused", refused);
	return failures != 0;
}
