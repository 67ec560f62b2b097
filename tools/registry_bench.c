/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * registry_bench.c - what a join, an endpoint and an exit cost the registry
 *
 * Prints one table: rows are operations, columns are how many other processes
 * are members. The others have four topics each, so topics grow with them; or,
 * with --same-topic, all have one endpoint of the topic that is measured.
 * A call is an ioctl to the device, or a request and a reply of agnocastd.
 * The registry must be empty otherwise. docs/registry.md has results.
 */

#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "../tests/integration/registry_member.h"

#define COLUMNS_MAX 8
#define ROUNDS_MAX 5000

/* The first four are of the newest member, which a search may find first or last. */
enum { CONNECT, JOIN, ADD, REMOVE, OLDEST_ADD, EXIT, OPERATIONS };

static const struct {
	const char *name;
	int calls;
} operations[] = {
	[CONNECT] = { "open and arm", 0 },
	[JOIN] = { "NEW_SHM to AREA_READY", 2 },
	[ADD] = { "PUBLISHER_ADD", 1 },
	[REMOVE] = { "PUBLISHER_REMOVE", 1 },
	[OLDEST_ADD] = { "PUBLISHER_ADD, oldest member", 1 },
	[EXIT] = { "SIGKILL to forgotten", 0 },
};

/* Nanoseconds; shared with the processes that are measured. */
static struct samples {
	uint64_t ns[OPERATIONS][ROUNDS_MAX];
} *samples;

static struct result {
	double median, p99;	/* microseconds */
} results[OPERATIONS][COLUMNS_MAX];

static unsigned int rounds = 1000;
static bool same_topic;

static uint64_t now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000000 + (uint64_t)ts.tv_nsec;
}

static int be_there(struct member *member, struct crowd *crowd, unsigned int i)
{
	char topic[64];
	int ret = 0;

	(void)crowd;
	if (same_topic)
		return member_add(member, AGNOCAST_SUBSCRIBER_ADD_CMD, "/measured", 1, NULL);
	for (int k = 0; k < 4 && !ret; k++) {
		snprintf(topic, sizeof(topic), "/other/%u/%d", i, k);
		ret = member_add(member, AGNOCAST_SUBSCRIBER_ADD_CMD, topic, 1, NULL);
	}
	return ret;
}

/* One life: what is measured in it goes to sample @i. */
static void live(unsigned int i, int ready)
{
	struct agnocast_endpoint_add add;
	struct member member;
	uint64_t t[5];

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	t[0] = now_ns();
	CHECK(!member_open(&member));
	t[1] = now_ns();
	CHECK(!member_enter(&member));
	t[2] = now_ns();
	CHECK(!member_add(&member, AGNOCAST_PUBLISHER_ADD_CMD, "/measured", 1, &add));
	t[3] = now_ns();
	CHECK(!member_remove(&member, AGNOCAST_PUBLISHER_REMOVE_CMD, add.generation));
	t[4] = now_ns();
	for (int k = 0; k < 4; k++)
		samples->ns[k][i] = t[k + 1] - t[k];
	CHECK(!member_add(&member, AGNOCAST_PUBLISHER_ADD_CMD, "/measured", 1, &add));
	CHECK(write(ready, "x", 1) == 1);
	pause();
}

static void add_by(struct member *oldest, unsigned int i)
{
	struct agnocast_endpoint_add add;
	uint64_t began = now_ns();

	CHECK(!member_add(oldest, AGNOCAST_PUBLISHER_ADD_CMD, "/measured", 1, &add));
	samples->ns[OLDEST_ADD][i] = now_ns() - began;
	CHECK(!member_remove(oldest, AGNOCAST_PUBLISHER_REMOVE_CMD, add.generation));
}

static void measure_one(struct member *oldest, unsigned int i, const volatile uint32_t *sessions)
{
	uint32_t before;
	uint64_t began;
	int ready[2];
	char byte;
	pid_t pid;

	CHECK(!pipe(ready));
	pid = fork();
	if (!pid)
		live(i, ready[1]);
	close(ready[1]);
	CHECK(read(ready[0], &byte, 1) == 1);
	close(ready[0]);
	add_by(oldest, i);
	before = *sessions;
	began = now_ns();
	kill(pid, SIGKILL);
	while (*sessions == before)
		sched_yield();
	samples->ns[EXIT][i] = now_ns() - began;
	waitpid(pid, NULL, 0);
}

static int compare(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return x < y ? -1 : x > y;
}

static void measure(struct member *oldest, unsigned int others, int column,
		    const volatile uint32_t *sessions)
{
	struct crowd *crowd = crowd_start(others, be_there);

	for (unsigned int i = 0; i < others; i++)
		CHECK(!crowd->mate[i].result);
	for (unsigned int i = 0; i < rounds; i++)
		measure_one(oldest, i, sessions);
	crowd_end(crowd, 0);
	for (int k = 0; k < OPERATIONS; k++) {
		uint64_t *ns = samples->ns[k];

		qsort(ns, rounds, sizeof(*ns), compare);
		results[k][column].median = (double)ns[rounds / 2] / 1000;
		results[k][column].p99 = (double)ns[rounds - 1 - rounds / 100] / 1000;
	}
}

static void print_table(const unsigned int *others, int columns)
{
	printf("| us, median / p99 of %u | calls |", rounds);
	for (int c = 0; c < columns; c++)
		printf(" %u others |", others[c]);
	printf("\n| --- | --- |");
	for (int c = 0; c < columns; c++)
		printf(" --- |");
	printf("\n");
	for (int k = 0; k < OPERATIONS; k++) {
		printf("| %s | %d |", operations[k].name, operations[k].calls);
		for (int c = 0; c < columns; c++)
			printf(" %.0f / %.0f |", results[k][c].median, results[k][c].p99);
		printf("\n");
	}
}

static const struct agnocast_rosters *map_rosters(struct member *member)
{
	struct agnocast_fd args = { .fd_in = -1, .fd_out = -1 };
	void *map;

	CHECK(!registry_client_call(&member->client, AGNOCAST_OPEN_ROSTERS_CMD, &args));
	map = mmap(NULL, 4096, PROT_READ, MAP_SHARED, args.fd_out, 0);
	CHECK(map != MAP_FAILED);
	return map;
}

static int usage(void)
{
	fprintf(stderr, "usage: registry_bench [--same-topic] [--rounds N] OTHERS...\n"
		"  OTHERS  how many other members, e.g. 10 100 1000; at most %d numbers\n"
		"  N       lives to measure, 100..%d, default 1000\n", COLUMNS_MAX, ROUNDS_MAX);
	return 2;
}

int main(int argc, char **argv)
{
	unsigned int others[COLUMNS_MAX];
	struct member member;
	int columns = 0;

	for (int i = 1; i < argc; i++) {
		if (!strcmp(argv[i], "--same-topic"))
			same_topic = true;
		else if (!strcmp(argv[i], "--rounds") && i + 1 < argc)
			rounds = (unsigned int)atoi(argv[++i]);
		else if (atoi(argv[i]) > 0 && columns < COLUMNS_MAX)
			others[columns++] = (unsigned int)atoi(argv[i]);
		else
			return usage();
	}
	if (!columns || rounds < 100 || rounds > ROUNDS_MAX)
		return usage();
	samples = mmap(NULL, sizeof(*samples), PROT_READ | PROT_WRITE,
		       MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	CHECK(samples != MAP_FAILED);
	member_join(&member);
	for (int c = 0; c < columns; c++)
		measure(&member, others[c], c, &map_rosters(&member)->sessions);
	member_leave(&member);
	print_table(others, columns);
	return 0;
}
