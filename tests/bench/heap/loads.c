/* SPDX-License-Identifier: BSD-2-Clause */
/* loads.c - the loads in C; after what larson, xmalloc, cache-scratch and sh8bench do */

#include "loads.h"

#include <sched.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#define THREADS_MAX	64
#define BATCH		64	/* operations between looks at *stop */

/* --- server: each thread replaces random blocks; its blocks pass to another */

#define SLOTS 1000

static _Atomic(void **) handed;

static void **new_slots(uint64_t *seed)
{
	void **slots = malloc(SLOTS * sizeof(*slots));

	for (int i = 0; i < SLOTS; i++)
		slots[i] = malloc(16 + next_random(seed) % 1000);
	return slots;
}

static void server(struct worker *w)
{
	void **slots = new_slots(&w->seed), **other;

	for (uint32_t round = 1; !stopped(w); round++) {
		for (int i = 0; i < BATCH; i++) {
			uint32_t r = next_random(&w->seed);
			size_t size = 16 + r / SLOTS % 1000;
			char *p;

			free(slots[r % SLOTS]);
			p = malloc(size);
			p[0] = p[size - 1] = 1;
			slots[r % SLOTS] = p;
		}
		w->ops += BATCH;
		if (round % 100 == 0) {		/* as if this thread ended and a new one came */
			other = atomic_exchange(&handed, slots);
			slots = other ? other : new_slots(&w->seed);
		}
	}
}

/* --- pipe: what one thread allocates the next one frees */

#define PIPE_SLOTS 4096

static _Atomic(void *) pipes[THREADS_MAX][PIPE_SLOTS];

static void pipe_run(struct worker *w)
{
	_Atomic(void *) *to = pipes[w->index], *from = pipes[(w->index + 1) % w->threads];
	uint32_t put = 0, get = 0;
	void *p;

	while (!stopped(w)) {
		uint32_t before = put + get;

		for (int i = 0; i < BATCH; i++) {
			size_t size = 32 + next_random(&w->seed) % 400;

			if (!atomic_load_explicit(&to[put % PIPE_SLOTS], memory_order_relaxed)) {
				p = malloc(size);
				*(char *)p = 1;
				atomic_store_explicit(&to[put++ % PIPE_SLOTS], p,
						      memory_order_release);
			}
			p = atomic_exchange_explicit(&from[get % PIPE_SLOTS], NULL,
						     memory_order_acquire);
			if (p) {
				free(p);
				get++;
				w->ops++;
			}
		}
		if (put + get == before)
			sched_yield();		/* to whom it waits for */
	}
}

/* --- lines: neighbours of one thread's block must not be another's */

static char *first[THREADS_MAX];

static void lines_prepare(unsigned int threads)
{
	for (unsigned int i = 0; i < threads; i++)
		first[i] = malloc(8);
}

static void lines(struct worker *w)
{
	char *p;

	free(first[w->index]);
	while (!stopped(w)) {
		p = malloc(8);
		for (int i = 0; i < 200; i++)
			++*(volatile char *)p;
		free(p);
		w->ops++;
	}
}

/* --- small: bursts of small blocks, freed in order, in reverse and mixed */

static void small(struct worker *w)
{
	static const unsigned short sizes[] = { 8, 16, 24, 40, 64, 100, 160, 260, 400, 700 };
	enum { COUNT = 2000 };
	void *blocks[COUNT];

	while (!stopped(w)) {
		uint32_t r = next_random(&w->seed);

		for (int i = 0; i < COUNT; i++) {
			uint32_t pick = next_random(&w->seed) % 55;
			int class = 0;

			while (pick >= 10u - (unsigned int)class)
				pick -= 10u - (unsigned int)class++;
			blocks[i] = malloc(sizes[class]);
			*(char *)blocks[i] = 1;
		}
		for (int i = 0; i < COUNT; i++)
			free(blocks[r % 3 == 0 ? i : r % 3 == 1 ? COUNT - 1 - i
								: (i * 7) % COUNT]);
		w->ops += COUNT;
	}
}

/* --- grow: some buffers that are filled at once, and that realloc makes larger */

static void grow(struct worker *w)
{
	enum { BUFFERS = 8 };

	while (!stopped(w)) {
		size_t end = next_random(&w->seed) % 16 ? 60000 : 4 << 20;
		char *buffers[BUFFERS] = { NULL };

		for (size_t size = 64, old = 0; size < end; old = size, size += size / 2)
			for (int i = 0; i < BUFFERS; i++) {
				buffers[i] = realloc(buffers[i], size);
				memset(buffers[i] + old, 1, size - old);
				w->ops++;
			}
		for (int i = 0; i < BUFFERS; i++)
			free(buffers[i]);
	}
}

/* --- big: blocks of messages, written as a whole, the latest ones kept */

static void big(struct worker *w)
{
	enum { KEPT = 8 };
	void *kept[KEPT] = { NULL };

	for (uint32_t i = 0; !stopped(w); i++) {
		size_t size = 100000 + next_random(&w->seed) % 3000000;

		free(kept[i % KEPT]);
		kept[i % KEPT] = malloc(size);
		memset(kept[i % KEPT], 1, size);
		w->ops++;
	}
	for (int i = 0; i < KEPT; i++)
		free(kept[i]);
}

const struct load loads[] = {
	{ "server", NULL, server },
	{ "pipe", NULL, pipe_run },
	{ "lines", lines_prepare, lines },
	{ "small", NULL, small },
	{ "grow", NULL, grow },
	{ "big", NULL, big },
	{ "cloud", NULL, cloud_run },
	{ NULL, NULL, NULL },
};
