/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * flow.c - a steady stream of messages, and a crowd that dies beside it
 *
 *	flow pub TOPIC HZ	publishes until stdin ends
 *	flow sub TOPIC		takes until stdin ends; for each line of it says
 *				"TAKEN MISSING BROKEN GAP_US LATENCY_US": since the
 *				start, but for the worst two, which are since the
 *				line before
 *	flow crowd TOPIC N	starts N subscribed processes, says "ready"; for a
 *				line kills all of them at once, says "dead"
 *
 * With FLOW_RT=1 the first two run with real-time priority, if they may.
 */

#include <agnocast/agnocast.h>
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define DEPTH 2000		/* two seconds at 1 kHz */

struct payload {
	unsigned long seq;
	unsigned long check;
};

static atomic_int stopped;
static atomic_ulong taken, missing, broken, worst_gap_ns, worst_latency_ns;

static unsigned long now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (unsigned long)now.tv_sec * 1000000000u + (unsigned long)now.tv_nsec;
}

static unsigned long check_of(unsigned long seq)
{
	return seq * 0x9E3779B97F4A7C15ul ^ 0x5a5a5a5a5a5a5a5aul;
}

static int fail(const char *what, int ret)
{
	fprintf(stderr, "flow: %s: %s\n", what, strerror(-ret));
	return 1;
}

static void be_prompt(void)
{
	struct sched_param param = { .sched_priority = 50 };

	const char *wanted = getenv("FLOW_RT");

	if (wanted && *wanted)
		sched_setscheduler(0, SCHED_FIFO, &param);
}

static void *watch_stdin(void *arg)
{
	char line[64];

	(void)arg;
	while (fgets(line, sizeof(line), stdin)) {
		printf("%lu %lu %lu %lu %lu\n", taken, missing, broken,
		       atomic_exchange(&worst_gap_ns, 0) / 1000,
		       atomic_exchange(&worst_latency_ns, 0) / 1000);
		fflush(stdout);
	}
	stopped = 1;
	return NULL;
}

static int publish_one(struct agnocast_publisher *pub, unsigned long seq)
{
	struct payload *payload = malloc(sizeof(*payload));
	int ret;

	if (!payload)
		return -ENOMEM;
	payload->seq = seq;
	payload->check = check_of(seq);
	ret = agnocast_publisher_publish(pub, payload, sizeof(*payload));
	if (ret)
		free(payload);
	return ret;
}

static int run_pub(const char *topic, unsigned long hz)
{
	struct agnocast_publisher_options options = { .size = sizeof(options), .depth = DEPTH };
	unsigned long seq = 0, at = now_ns();
	struct agnocast_publisher *pub;
	int ret = agnocast_publisher_create(topic, &options, &pub);

	if (ret)
		return fail("publisher", ret);
	be_prompt();
	while (!stopped) {
		struct timespec until;

		ret = publish_one(pub, ++seq);
		if (ret)
			return fail("publish", ret);
		at += 1000000000u / hz;
		until = (struct timespec){ (time_t)(at / 1000000000u), (long)(at % 1000000000u) };
		clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, NULL);
	}
	return 0;
}

static void raise_to(atomic_ulong *worst, unsigned long value)
{
	if (value > *worst)
		*worst = value;
}

static void judge(const struct agnocast_message *message, unsigned long *expected,
		  unsigned long *before)
{
	const struct payload *payload = message->data;
	unsigned long now = now_ns();

	if (payload->check != check_of(payload->seq))
		broken++;
	if (*before) {
		raise_to(&worst_gap_ns, now - *before);
		if (payload->seq != *expected)
			missing += payload->seq - *expected;
	}
	raise_to(&worst_latency_ns, now - message->publish_ns);
	*before = now;
	*expected = payload->seq + 1;
	taken++;
}

static int run_sub(const char *topic)
{
	struct agnocast_subscription_options options = { .size = sizeof(options), .depth = DEPTH };
	unsigned long expected = 0, before = 0;
	struct agnocast_subscription *sub;
	struct agnocast_message message;
	int ret = agnocast_subscription_create(topic, &options, &sub);

	if (ret)
		return fail("subscription", ret);
	be_prompt();
	while (!stopped) {
		ret = agnocast_subscription_take(sub, 100, &message);
		if (ret == -EAGAIN || ret == -EINTR || ret == -ETIMEDOUT)
			continue;
		if (ret)
			return fail("take", ret);
		judge(&message, &expected, &before);
		agnocast_message_release(&message);
	}
	return 0;
}

static int run_member(const char *topic)
{
	struct agnocast_subscription *sub;
	int ret = agnocast_subscription_create(topic, NULL, &sub);

	if (ret)
		return fail("member", ret);
	if (write(STDOUT_FILENO, "", 1) != 1)
		return 1;
	for (;;)
		pause();
}

static void start_member(const char *self, const char *topic, pid_t group, int ready)
{
	setpgid(0, group);
	dup2(ready, STDOUT_FILENO);
	execl(self, self, "member", topic, NULL);
	_exit(127);
}

static int run_crowd(const char *self, const char *topic, unsigned int count)
{
	unsigned int alive = 0;
	int ready[2], status;
	pid_t group = 0;
	char line[64];

	if (pipe(ready))
		return fail("pipe", -errno);
	for (unsigned int i = 0; i < count; i++) {
		pid_t pid = fork();

		if (!pid)
			start_member(self, topic, group, ready[1]);
		if (!group)
			group = pid;
		setpgid(pid, group);
		/* One after the other: the crowd must not starve the stream yet. */
		alive += read(ready[0], line, 1) == 1;
	}
	printf("ready %u\n", alive);
	fflush(stdout);
	if (!fgets(line, sizeof(line), stdin))
		line[0] = '\0';
	kill(-group, SIGKILL);
	while (waitpid(-1, &status, 0) > 0)
		;
	printf("dead %u\n", alive);
	return 0;
}

int main(int argc, char **argv)
{
	pthread_t thread;

	if (argc == 3 && !strcmp(argv[1], "member"))
		return run_member(argv[2]);
	if (argc == 4 && !strcmp(argv[1], "crowd"))
		return run_crowd(argv[0], argv[2], (unsigned int)atoi(argv[3]));
	pthread_create(&thread, NULL, watch_stdin, NULL);
	if (argc == 4 && !strcmp(argv[1], "pub"))
		return run_pub(argv[2], strtoul(argv[3], NULL, 10));
	if (argc == 3 && !strcmp(argv[1], "sub"))
		return run_sub(argv[2]);
	fputs("usage: flow pub TOPIC HZ | sub TOPIC | crowd TOPIC N\n", stderr);
	return 64;
}
