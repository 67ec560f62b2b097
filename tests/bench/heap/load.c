/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * load.c - runs one load: load NAME THREADS MILLISECONDS
 *
 * Prints operations per second, or for "space" the memory that the system
 * gave per byte that was alive at the peak.
 */

#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#include "loads.h"

static const struct load *load;
static bool stop;
static pthread_barrier_t start;

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void on_alarm(int number)
{
	(void)number;
	__atomic_store_n(&stop, true, __ATOMIC_RELAXED);
}

static void *run(void *arg)
{
	pthread_barrier_wait(&start);
	load->run(arg);
	return NULL;
}

static double measure(unsigned int threads, long ms)
{
	struct worker *workers = calloc(threads, sizeof(*workers));
	pthread_t *ids = calloc(threads, sizeof(*ids));
	struct itimerval in_ms = { .it_value = { ms / 1000, ms % 1000 * 1000 } };
	uint64_t ops = 0;
	sigset_t alarms;
	double began;

	sigemptyset(&alarms);
	sigaddset(&alarms, SIGALRM);
	signal(SIGALRM, on_alarm);
	if (load->prepare)
		load->prepare(threads);
	pthread_barrier_init(&start, NULL, threads + 1);
	for (unsigned int i = 0; i < threads; i++) {
		workers[i] = (struct worker){ .index = i, .threads = threads, .stop = &stop,
					      .seed = i + 1 };
		pthread_create(&ids[i], NULL, run, &workers[i]);
	}
	/* A worker takes it: this thread may get no processor before they are through. */
	pthread_sigmask(SIG_BLOCK, &alarms, NULL);
	setitimer(ITIMER_REAL, &in_ms, NULL);
	began = now();
	pthread_barrier_wait(&start);
	for (unsigned int i = 0; i < threads; i++) {
		pthread_join(ids[i], NULL);
		ops += workers[i].ops;
	}
	return (double)ops / (now() - began);
}

/* Memory of the area, if there is one, else anonymous memory. Bytes. */
static double memory_used(void)
{
	char line[256];
	struct stat st;
	double kib = 0;
	FILE *status;

	snprintf(line, sizeof(line), "/dev/shm/agnocast@%d", getpid());
	if (!stat(line, &st))
		return (double)st.st_blocks * 512;
	status = fopen("/proc/self/status", "r");
	while (status && fgets(line, sizeof(line), status))
		if (sscanf(line, "RssAnon: %lf", &kib) == 1)
			break;
	if (status)
		fclose(status);
	return kib * 1024;
}

/* Blocks come and go while their sizes shift; the most that was alive at once. */
static double space(void)
{
	enum { COUNT = 60000 };
	static char *blocks[COUNT];
	static size_t sizes[COUNT];
	size_t live = 0, peak = 0;
	double most = 0, before = memory_used();
	uint64_t seed = 1;

	for (uint32_t i = 0; i < 2000000; i++) {
		uint32_t slot = next_random(&seed) % COUNT;
		size_t scale = (size_t)16 << i / 250000;	/* up to 2 KiB and beyond */

		free(blocks[slot]);
		live -= sizes[slot];
		sizes[slot] = 1 + next_random(&seed) % (2 * scale);
		if (next_random(&seed) % 200 == 0)
			sizes[slot] = 10000 + next_random(&seed) % 100000;
		blocks[slot] = malloc(sizes[slot]);
		memset(blocks[slot], 1, sizes[slot]);
		live += sizes[slot];
		peak = live > peak ? live : peak;
		if (i % 10000 == 0 && memory_used() > most)
			most = memory_used();
	}
	return (most - before) / (double)peak;
}

int main(int argc, char **argv)
{
	if (argc == 4 && !strcmp(argv[1], "space")) {
		printf("%.4f\n", space());
		return 0;
	}
	for (load = loads; argc == 4 && load->name; load++) {
		if (strcmp(load->name, argv[1]))
			continue;
		printf("%.1f\n", measure((unsigned int)atoi(argv[2]), atol(argv[3])));
		return 0;
	}
	fprintf(stderr, "usage: load NAME THREADS MILLISECONDS\n");
	return 2;
}
