/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * startup.c - what the library adds to the start of a process, by pairs
 *
 * startup RUNS PROGRAM LIBRARY [NAME=VALUE...]: runs PROGRAM without and with
 * LIBRARY preloaded, in turn, the latter with these variables as well. Prints
 * the medians of both and of the difference of each pair, microseconds. Without
 * arguments it is itself such a program, one that allocates.
 */

#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <time.h>

#define RUNS_MAX 10000

static double without[RUNS_MAX], with[RUNS_MAX], added[RUNS_MAX];

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec * 1e6 + (double)t.tv_nsec / 1e3;
}

static double run(char *program, char **env)
{
	char *argv[] = { program, NULL };
	double began = now();
	int status = 1;
	pid_t pid;

	if (posix_spawn(&pid, program, NULL, NULL, argv, env) ||
	    waitpid(pid, &status, 0) != pid || status)
		exit(1);
	return now() - began;
}

static int by_size(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return x < y ? -1 : x > y;
}

static double median(double *values, int n)
{
	qsort(values, (size_t)n, sizeof(*values), by_size);
	return values[n / 2];
}

int main(int argc, char **argv)
{
	char *none[] = { NULL }, preload[512];
	int n = argc > 3 ? atoi(argv[1]) : 0;

	if (argc == 1) {
		free(malloc(100));
		return 0;
	}
	if (n < 1 || n > RUNS_MAX) {
		fprintf(stderr, "usage: startup RUNS PROGRAM LIBRARY [NAME=VALUE...]\n");
		return 2;
	}
	snprintf(preload, sizeof(preload), "LD_PRELOAD=%s", argv[3]);
	argv[3] = preload;
	for (int i = 0; i < n; i++) {
		without[i] = run(argv[2], none);
		with[i] = run(argv[2], &argv[3]);
		added[i] = with[i] - without[i];
	}
	printf("%.1f %.1f %.1f\n", median(without, n), median(with, n), median(added, n));
	return 0;
}
