/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * pingpong.c - a message there and back, many times, sleeping in each way
 *
 *	pingpong MODE ROUNDS [DEPTH [BYTES]]	the first process
 *	pingpong MODE ROUNDS ... echo		the second
 *
 * A wake-up that is lost leaves both asleep: then the first says so and fails.
 * Else it prints the median and the 99th percentile of half a round trip.
 * Between rounds it may idle for a random moment, so that every interleaving
 * of going to sleep and being woken is met (JITTER=1).
 */

#include <agnocast/agnocast.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <time.h>
#include <unistd.h>

#define PATIENCE_MS 20000

static struct agnocast_publisher *pub;
static struct agnocast_subscription *sub;
static struct agnocast_waitset *set;
static int epoll = -1;
static int pipe_fds[2];
static void *spare[256];	/* messages to use again: malloc is not measured */
static unsigned int spares;

static void die(const char *what, int err)
{
	fprintf(stderr, "pingpong: %s: %s\n", what, strerror(-err));
	exit(1);
}

static void keep(void *message, void *arg)
{
	(void)arg;
	if (spares < 256)
		spare[spares++] = message;
	else
		free(message);
}

static int take_polling(struct agnocast_message *m)
{
	struct timespec start, now;
	int ret;

	clock_gettime(CLOCK_MONOTONIC, &start);
	for (unsigned int i = 1; (ret = agnocast_subscription_take(sub, 0, m)) == -EAGAIN; i++) {
		if (i % 4096)
			continue;
		clock_gettime(CLOCK_MONOTONIC, &now);
		if ((now.tv_sec - start.tv_sec) * 1000 > PATIENCE_MS)
			break;
	}
	return ret;
}

static int take_blocking(struct agnocast_message *m)
{
	return agnocast_subscription_take(sub, PATIENCE_MS, m);
}

static int take_waitset(struct agnocast_message *m)
{
	struct agnocast_event event;
	int ret;

	do {
		ret = agnocast_waitset_wait(set, PATIENCE_MS, &event, 1);
		if (ret < 1)
			return ret ? ret : -EAGAIN;
		if (event.arg != sub)
			die("waitset", -EPROTO);
		ret = agnocast_subscription_take(sub, 0, m);
	} while (ret == -EAGAIN);
	return ret;
}

/* As an event loop does it: until it is empty, then back to epoll. */
static int take_descriptor(struct agnocast_message *m)
{
	struct epoll_event event;
	int ret;

	while ((ret = agnocast_subscription_take(sub, 0, m)) == -EAGAIN)
		if (epoll_wait(epoll, &event, 1, PATIENCE_MS) < 1)
			return -EAGAIN;
	return ret;
}

static const struct {
	const char *name;
	int	(*take)(struct agnocast_message *m);
	uint32_t flags, spin_us;
	bool	set, foreign;
} modes[] = {
	{ .name = "poll", .take = take_polling },
	{ .name = "take", .take = take_blocking },
	{ .name = "spin", .take = take_blocking, .spin_us = 100 },
	{ .name = "waitset", .take = take_waitset, .set = true },
	{ .name = "waitset-fd", .take = take_waitset, .set = true, .foreign = true },
	{ .name = "descriptor", .take = take_descriptor, .flags = AGNOCAST_POLLABLE },
};
static size_t mode;

static void set_up(bool echo, uint32_t depth)
{
	struct agnocast_publisher_options po = { .size = sizeof(po), .destroy = keep,
						 .depth = depth };
	struct agnocast_subscription_options so = { .size = sizeof(so), .depth = depth,
						    .flags = modes[mode].flags,
						    .spin_us = modes[mode].spin_us };
	struct epoll_event event = { .events = EPOLLIN };
	int ret = agnocast_publisher_create(echo ? "/pong" : "/ping", &po, &pub);

	if (!ret)
		ret = agnocast_subscription_create(echo ? "/ping" : "/pong", &so, &sub);
	if (!ret && modes[mode].set)
		ret = agnocast_waitset_create(NULL, &set);
	if (!ret && set)
		ret = agnocast_waitset_add(set, sub, sub);
	if (!ret && modes[mode].foreign && !pipe(pipe_fds))
		ret = agnocast_waitset_add_fd(set, pipe_fds[0], EPOLLIN, NULL);
	if (ret)
		die("set-up", ret);
	if (!(modes[mode].flags & AGNOCAST_POLLABLE))
		return;
	epoll = epoll_create1(0);
	if (epoll_ctl(epoll, EPOLL_CTL_ADD, agnocast_fd(), &event))
		die("epoll_ctl", -errno);
}

static void send_one(unsigned long value, size_t bytes)
{
	unsigned long *message = spares ? spare[--spares] : malloc(bytes);
	int ret;

	message[0] = value;
	message[bytes / sizeof(value) - 1] = value;
	ret = agnocast_publisher_publish(pub, message, bytes);
	if (ret)
		die("publish", ret);
}

static unsigned long receive_one(size_t bytes)
{
	struct agnocast_message m;
	const unsigned long *message;
	unsigned long value;
	int ret = modes[mode].take(&m);

	if (ret)
		die(ret == -EAGAIN ? "a wake-up was lost" : "take", ret);
	message = m.data;
	value = message[0];
	if (message[bytes / sizeof(value) - 1] != value)
		die("the message is broken", -EBADMSG);
	agnocast_message_release(&m);
	return value;
}

static bool jitter;

static void idle(void)
{
	static unsigned int seed = 1;

	seed = seed * 1103515245u + 12345u;
	for (volatile unsigned int i = seed >> 16 & 0xfff; jitter && i; i--)
		;
}

static long long now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000000000ll + now.tv_nsec;
}

static int ascending(const void *a, const void *b)
{
	long long x = *(const long long *)a, y = *(const long long *)b;

	return (x > y) - (x < y);
}

static void wait_for_peer(void)
{
	struct agnocast_publisher_stats stats;

	for (int i = 0; i < 1000; i++) {
		if (!agnocast_publisher_stats_get(pub, &stats, sizeof(stats)) &&
		    stats.subscriptions == 1 && !stats.unmapped)
			return;
		usleep(10000);
	}
	die("no peer", -ETIMEDOUT);
}

static void serve(unsigned long rounds, size_t bytes)
{
	for (unsigned long i = 1; i <= rounds; i++) {
		unsigned long value = receive_one(bytes);

		idle();
		send_one(value, bytes);
	}
	/* Until the last answer was read. */
	receive_one(bytes);
}

static void play(unsigned long rounds, size_t bytes)
{
	long long *half = malloc(rounds * sizeof(*half));

	for (unsigned long i = 1; i <= rounds; i++) {
		long long start;

		idle();
		start = now_ns();
		send_one(i, bytes);
		if (receive_one(bytes) != i)
			die("another message", -EPROTO);
		half[i - 1] = (now_ns() - start) / 2;
	}
	send_one(0, bytes);
	qsort(half, rounds, sizeof(*half), ascending);
	printf("%s: %lu rounds, one way %lld ns, p99 %lld ns\n", modes[mode].name, rounds,
	       half[rounds / 2], half[rounds * 99 / 100]);
	free(half);
}

int main(int argc, char **argv)
{
	bool echo = argc > 3 && !strcmp(argv[argc - 1], "echo");
	unsigned long rounds = argc > 2 ? strtoul(argv[2], NULL, 0) : 0;
	size_t bytes = argc > 4 + echo ? strtoul(argv[4], NULL, 0) : 64;

	while (argc > 1 && mode < sizeof(modes) / sizeof(*modes) &&
	       strcmp(argv[1], modes[mode].name))
		mode++;
	if (!rounds || mode == sizeof(modes) / sizeof(*modes))
		die("usage: pingpong MODE ROUNDS [DEPTH [BYTES]] [echo]", -EINVAL);
	jitter = getenv("JITTER");
	set_up(echo, argc > 3 + echo ? (uint32_t)atoi(argv[3]) : 1);
	wait_for_peer();
	(echo ? serve : play)(rounds, bytes);
	agnocast_waitset_destroy(set);
	return 0;
}
