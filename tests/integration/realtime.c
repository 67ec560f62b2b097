/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * realtime.c - a SCHED_FIFO thread that publishes without ever blocking
 *
 *	realtime SECONDS
 *
 * Pinned to a processor, so that the library's thread, which inherits that,
 * runs there or not at all. A subscription comes from another process on
 * another processor: says after how long it was mapped, or that it never was.
 */

#include <agnocast/agnocast.h>

#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define PRIORITY 10

static double now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

static int run_on(int cpu)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	return sched_setaffinity(0, sizeof(set), &set);
}

/* The first two that there are. */
static int two_cpus(int cpu[2])
{
	cpu_set_t set;
	int n = 0;

	if (sched_getaffinity(0, sizeof(set), &set))
		return -1;
	for (int i = 0; i < CPU_SETSIZE && n < 2; i++)
		if (CPU_ISSET(i, &set))
			cpu[n++] = i;
	return n == 2 ? 0 : -1;
}

static int subscribe(int cpu)
{
	struct agnocast_subscription *sub;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (run_on(cpu) || agnocast_subscription_create("/realtime", NULL, &sub))
		return 1;
	for (;;) {
		struct agnocast_message m;

		if (!agnocast_subscription_take(sub, 1000, &m))
			agnocast_message_release(&m);
	}
}

/* Publishes and nothing else, says so to @started; after how many seconds the subscription was mapped, or -1. */
static double spin(struct agnocast_publisher *pub, double seconds, int started)
{
	struct agnocast_publisher_stats stats;
	double began = now();

	do {
		void *m = agnocast_alloc(64);

		if (m && agnocast_publisher_publish(pub, m, 64))
			agnocast_free(m);
		if (started >= 0 && write(started, "", 1) == 1)
			started = -1;
		if (!agnocast_publisher_stats_get(pub, &stats, sizeof(stats)) &&
		    stats.subscriptions == 1 && !stats.unmapped)
			return now() - began;
	} while (now() - began < seconds);
	return -1;
}

int main(int argc, char **argv)
{
	struct sched_param param = { .sched_priority = PRIORITY };
	struct agnocast_publisher *pub;
	int cpu[2], started[2], ret;
	double took;
	pid_t pid;

	if (argc == 3 && !strcmp(argv[1], "--subscribe"))
		return subscribe(atoi(argv[2]));
	if (argc != 2)
		return 64;
	if (two_cpus(cpu) || run_on(cpu[0])) {
		puts("skip: one processor");
		return 77;
	}
	if (pipe(started)) {
		perror("pipe");
		return 1;
	}
	pid = fork();
	if (!pid) {
		char number[16];

		/* Comes when the other spins already. */
		close(started[1]);
		if (read(started[0], number, 1) != 1)
			_exit(1);
		snprintf(number, sizeof(number), "%d", cpu[1]);
		run_on(cpu[1]);
		execl("/proc/self/exe", "realtime", "--subscribe", number, NULL);
		_exit(127);
	}
	if (sched_setscheduler(0, SCHED_FIFO, &param)) {
		puts("skip: no right to SCHED_FIFO");
		ret = 77;
	} else {
		ret = agnocast_publisher_create("/realtime", NULL, &pub);
		if (ret) {
			printf("no publisher: %s\n", agnocast_reason());
			ret = 1;
		} else {
			took = spin(pub, atof(argv[1]), started[1]);
			if (took < 0)
				puts("never mapped");
			else
				printf("mapped after %.0f ms\n", took * 1e3);
			ret = took < 0;
		}
	}
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	return ret;
}
