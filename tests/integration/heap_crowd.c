/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * heap_crowd.c - many threads that start at once, and want little each
 *
 * Counted, not timed: how much memory they commit, and how often they have to
 * wait asleep for each other.
 */

#include <malloc.h>
#include <pthread.h>
#include <sys/resource.h>

#include "heap_test.h"

#define THREADS		300
#define BLOCKS		400
#define SIZE_MAX_EACH	5000
#define MEMORY_EACH	((size_t)160 << 10)	/* 100 KiB here; with caches that fill at once 516 */
#define SLEEPS_EACH	20			/* 2 to 5 here; with a queue for each lock 39 to 54 */

static pthread_barrier_t barrier;

static void *want_little(void *arg)
{
	unsigned int seed = (unsigned int)(uintptr_t)arg;

	pthread_barrier_wait(&barrier);
	for (int i = 0; i < BLOCKS; i++)
		free(malloc(1 + (size_t)rand_r(&seed) % SIZE_MAX_EACH));
	pthread_barrier_wait(&barrier);		/* all have their caches */
	pthread_barrier_wait(&barrier);		/* they were counted */
	return NULL;
}

static long sleeps(void)
{
	struct rusage usage;

	getrusage(RUSAGE_SELF, &usage);
	return usage.ru_nvcsw;
}

int main(void)
{
	pthread_t threads[THREADS];
	int made = 0;
	size_t memory;
	long slept;

	free(malloc(1));
	find_area();
	pthread_barrier_init(&barrier, NULL, THREADS + 1);
	while (made < THREADS && !pthread_create(&threads[made], NULL, want_little,
						 (void *)(uintptr_t)(made + 1)))
		made++;
	if (!check("crowd_starts", made == THREADS && area.from, "%d threads", made))
		return 1;
	memory = mallinfo2().arena;
	slept = sleeps();
	pthread_barrier_wait(&barrier);
	pthread_barrier_wait(&barrier);
	memory = (mallinfo2().arena - memory) / THREADS;
	slept = (sleeps() - slept) / THREADS;
	pthread_barrier_wait(&barrier);
	for (int i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	check("crowd_takes_little_memory", memory <= MEMORY_EACH, "%zu bytes each", memory);
	check("crowd_does_not_queue", slept <= SLEEPS_EACH, "%ld sleeps each", slept);
	return failures != 0;
}
