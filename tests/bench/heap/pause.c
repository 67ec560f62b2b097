/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * pause.c - how long a real-time thread waits for malloc and free
 *
 * pause beside SECONDS: a SCHED_FIFO thread allocates in periods of half a
 * millisecond, beside three ordinary threads that do nothing else.
 * pause return SECONDS: the same beside one thread that takes and frees large
 * memory, in a participant, so that memory comes and goes all the time;
 * "keep" instead of "return": it is taken and freed likewise, but stays below
 * MEMPOOL_SIZE.
 *
 * Prints count, p50, p99.9, p99.99 and maximum of single calls, nanoseconds,
 * and for "return" how often more than 100 MB went back to the system.
 */

#include <dlfcn.h>
#include <pthread.h>
#include <sched.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "loads.h"

#define PERIOD_NS	500000
#define CALLS		16	/* blocks of a period */
#define PRIORITY	60
#define GIVEN_BACK	(100l << 20)

static bool stop;
static uint32_t *samples;
static size_t count, room;

static int64_t now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

static void note(int64_t began)
{
	int64_t ns = now() - began;

	if (count < room)
		samples[count++] = ns > UINT32_MAX ? UINT32_MAX : (uint32_t)ns;
}

static size_t pick_size(uint64_t *seed)
{
	uint32_t r = next_random(seed);

	return r % 100 < 90 ? 16 + r / 100 % 1000 : r % 100 < 99 ? 1000 + r / 100 % 30000
								 : 100000 + r / 100 % 400000;
}

static void one_period(uint64_t *seed)
{
	void *blocks[CALLS];
	int64_t began;

	for (int i = 0; i < CALLS; i++) {
		size_t size = pick_size(seed);

		began = now();
		blocks[i] = malloc(size);
		note(began);
		*(char *)blocks[i] = 1;
	}
	for (int i = 0; i < CALLS; i++) {
		began = now();
		free(blocks[i]);
		note(began);
	}
}

static void *real_time(void *arg)
{
	struct sched_param param = { .sched_priority = PRIORITY };
	struct timespec next;
	uint64_t seed = 1;

	(void)arg;
	if (pthread_setschedparam(pthread_self(), SCHED_FIFO, &param)) {
		fprintf(stderr, "may not use SCHED_FIFO\n");
		exit(77);
	}
	for (int i = 0; i < 200; i++)		/* what a real-time thread does before it is one */
		one_period(&seed);
	count = 0;
	clock_gettime(CLOCK_MONOTONIC, &next);
	while (!__atomic_load_n(&stop, __ATOMIC_RELAXED)) {
		next.tv_nsec += PERIOD_NS;
		if (next.tv_nsec >= 1000000000) {
			next.tv_nsec -= 1000000000;
			next.tv_sec++;
		}
		clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &next, NULL);
		one_period(&seed);
	}
	return NULL;
}

static void *hammer(void *arg)
{
	enum { SLOTS = 1000 };
	void *slots[SLOTS] = { NULL };
	uint64_t seed = (uintptr_t)arg;

	while (!__atomic_load_n(&stop, __ATOMIC_RELAXED)) {
		uint32_t at = next_random(&seed) % SLOTS;

		free(slots[at]);
		slots[at] = malloc(pick_size(&seed));
		*(char *)slots[at] = 1;
	}
	return NULL;
}

static long file_bytes(void)
{
	struct stat st = { 0 };
	char name[64];

	snprintf(name, sizeof(name), "/dev/shm/agnocast@%d", getpid());
	stat(name, &st);
	return (long)st.st_blocks * 512;
}

static long returned;

/* Half a gigabyte for a moment, again and again: it goes back in between. */
static void *come_and_go(void *arg)
{
	enum { BLOCKS = 500 };
	static void *blocks[BLOCKS];
	const long megabytes = (long)arg;

	while (!__atomic_load_n(&stop, __ATOMIC_RELAXED)) {
		long high;

		for (int i = 0; i < BLOCKS; i++) {
			size_t size = (size_t)megabytes << 20 >> 9;

			blocks[i] = malloc(size);
			memset(blocks[i], 1, size);
		}
		high = file_bytes();
		for (int i = 0; i < BLOCKS; i++)
			free(blocks[i]);
		for (int i = 0; i < 150 && !__atomic_load_n(&stop, __ATOMIC_RELAXED); i++)
			usleep(20000);
		returned += high - file_bytes() > GIVEN_BACK;
	}
	return NULL;
}

static int participate(void)
{
	int (*create)(const char *, const void *, void **) =
		(int (*)(const char *, const void *, void **))dlsym(RTLD_DEFAULT,
								    "agnocast_publisher_create");
	void *pub;

	return create ? create("/pause", NULL, &pub) : -1;
}

static int by_size(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return x < y ? -1 : x > y;
}

static void report(void)
{
	qsort(samples, count, sizeof(*samples), by_size);
	printf("%zu %u %u %u %u %ld\n", count, samples[count / 2], samples[count * 999 / 1000],
	       samples[(size_t)((double)count * 0.9999)], samples[count - 1], returned);
}

int main(int argc, char **argv)
{
	const char *what = argc > 1 ? argv[1] : "";
	long seconds = argc > 2 ? atol(argv[2]) : 3;
	pthread_t id, others[3];

	room = (size_t)seconds * 2 * CALLS * 2100;
	samples = mmap(NULL, room * sizeof(*samples), PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
	if (!strcmp(what, "beside")) {
		participate();		/* as real-time programs do; without us they cannot */
		for (uintptr_t i = 0; i < 3; i++)
			pthread_create(&others[i], NULL, hammer, (void *)(i + 1));
	} else {
		if (participate())
			return 1;
		pthread_create(&others[0], NULL, come_and_go,
			       (void *)(strcmp(what, "keep") ? 500l : 20l));
	}
	usleep(300000);		/* the heap of the others has grown */
	pthread_create(&id, NULL, real_time, NULL);
	sleep((unsigned int)seconds);
	__atomic_store_n(&stop, true, __ATOMIC_RELAXED);
	pthread_join(id, NULL);
	report();
	_exit(fflush(stdout));
}
