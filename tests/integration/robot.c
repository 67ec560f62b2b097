/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * robot.c - one process of a robot, as its command line says
 *
 *	robot NODE TICK_MS [pub TOPIC HZ BYTES DEPTH]... [sub TOPIC DEPTH TICKS HOLD]...
 *
 * A subscription is drained every TICKS ticks; the last HOLD messages are kept.
 * A negative DEPTH is transient local. Says "ready", runs until its standard
 * input ends. What agnocast-top shows of it is known, so its name may be anybody's:
 * run it through a link called as the process should be.
 */

#include <agnocast/agnocast.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define MOST 64
#define HOLD_MOST 16

static struct {
	struct agnocast_publisher *handle;
	double hz;
	size_t bytes;
	unsigned long published;
} pubs[MOST];

static struct {
	struct agnocast_subscription *handle;
	unsigned int ticks, hold, held;
	struct agnocast_message message[HOLD_MOST];
} subs[MOST];

static unsigned int pubs_count, subs_count;
static const char *node;

static void need(int ret, const char *what)
{
	if (ret >= 0)
		return;
	fprintf(stderr, "robot: %s: %s; %s\n", what, strerror(-ret), agnocast_reason());
	exit(1);
}

static double now_s(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static void release(void *message, void *arg)
{
	(void)arg;
	agnocast_free(message);
}

static void add_pub(char **args)
{
	int depth = atoi(args[3]);
	const struct agnocast_publisher_options options = {
		.size = sizeof(options), .depth = (uint32_t)abs(depth), .node = node,
		.flags = depth < 0 ? AGNOCAST_QOS_TRANSIENT_LOCAL : 0, .destroy = release,
	};

	pubs[pubs_count].hz = atof(args[1]);
	pubs[pubs_count].bytes = (size_t)atol(args[2]);
	need(agnocast_publisher_create(args[0], &options, &pubs[pubs_count].handle), args[0]);
	pubs_count++;
}

static void add_sub(char **args)
{
	int depth = atoi(args[1]);
	const struct agnocast_subscription_options options = {
		.size = sizeof(options), .depth = (uint32_t)abs(depth), .node = node,
		.flags = depth < 0 ? AGNOCAST_QOS_TRANSIENT_LOCAL : 0,
	};

	subs[subs_count].ticks = (unsigned int)atoi(args[2]);
	subs[subs_count].hold = (unsigned int)atoi(args[3]);
	need(agnocast_subscription_create(args[0], &options, &subs[subs_count].handle), args[0]);
	subs_count++;
}

static void publish_due(double since)
{
	for (unsigned int i = 0; i < pubs_count; i++) {
		unsigned long due = (unsigned long)(since * pubs[i].hz) + 1;

		for (; pubs[i].hz > 0 && pubs[i].published < due; pubs[i].published++) {
			void *message = agnocast_alloc(pubs[i].bytes);

			need(message ? 0 : -12, "alloc");
			memset(message, 1, pubs[i].bytes);
			if (agnocast_publisher_publish(pubs[i].handle, message, pubs[i].bytes))
				agnocast_free(message);
		}
	}
}

/* Keeps the newest ones. */
static void drain(unsigned int i)
{
	struct agnocast_message message;

	while (!agnocast_subscription_take(subs[i].handle, 0, &message)) {
		if (subs[i].held == subs[i].hold && subs[i].hold) {
			agnocast_message_release(&subs[i].message[0]);
			memmove(subs[i].message, subs[i].message + 1,
				--subs[i].held * sizeof(message));
		}
		if (subs[i].held < subs[i].hold)
			subs[i].message[subs[i].held++] = message;
		else
			agnocast_message_release(&message);
	}
}

int main(int argc, char **argv)
{
	struct pollfd input = { .fd = STDIN_FILENO, .events = POLLIN };
	double start = now_s();
	int tick;

	if (argc < 3)
		return 64;
	node = argv[1];
	tick = atoi(argv[2]);
	for (int i = 3; i + 4 < argc; i += 5) {
		if (!strcmp(argv[i], "pub"))
			add_pub(argv + i + 1);
		else
			add_sub(argv + i + 1);
	}
	puts("ready");
	fflush(stdout);
	for (unsigned int ticks = 0; poll(&input, 1, tick) == 0; ticks++) {
		publish_due(now_s() - start);
		for (unsigned int i = 0; i < subs_count; i++)
			if (ticks % subs[i].ticks == 0)
				drain(i);
	}
	return 0;
}
