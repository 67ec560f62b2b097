/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * worker.c FD SEED - a process that publishes and takes until it is told to stop
 *
 * Four threads with publishers and subscriptions of their own, of random kinds,
 * that come and go, and one of each that all threads share. Takes wait in each
 * way: by themselves, in a wait-set of the thread's, by agnocast_fd(). Checks every
 * message when it is taken and again before it is released. It may be killed
 * at any moment.
 */

#include <agnocast/agnocast.h>
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "payload.h"
#include "shared.h"

#define THREADS 4
#define TOPICS 4
#define PUBS 2			/* of one thread */
#define SUBS 2
#define HELD 24			/* by one subscription */
#define SOURCES 256		/* publishers that a subscription remembers */
#define PATIENCE_NS UINT64_C(30000000000)

struct source {
	uint64_t publisher;	/* 0: unused */
	uint64_t tag, seq, shift;	/* shift: seq minus the payload's number */
};

struct pub {
	struct agnocast_publisher *handle;
	uint64_t tag, number;
};

struct sub {
	struct agnocast_subscription *handle;
	bool	latest, ordered;	/* ordered: one thread takes */
	uint32_t flags;
	uint64_t created_ns, gaps;
	struct source source[SOURCES];
	struct agnocast_message held[HELD];
	unsigned int held_count;
	struct agnocast_waitset *ws;	/* that it is in, or NULL */
};

struct thread {
	pthread_t thread;
	uint64_t random;
	struct agnocast_waitset *ws;
	int	foreign[2];	/* a pipe: with it the wait-set sleeps on a bell */
	struct pub pub[PUBS];
	struct sub sub[SUBS];
	struct sub view;	/* of the shared subscription: what this thread holds of it */
};

static struct thread threads[THREADS];
static struct agnocast_subscription *shared_sub;
static struct pub shared_pub;
static pthread_mutex_t shared_pub_lock = PTHREAD_MUTEX_INITIALIZER;
static uint64_t worker_id;
static bool restarts;
static atomic_ulong next_tag, published, destroyed;

static void destroy(void *message, void *arg)
{
	payload_destroy(message, arg);
	count(&destroyed);
}

static void topic_name(char name[32], uint64_t *random)
{
	snprintf(name, 32, "/stress/%u", any(random, TOPICS));
}

/* With STRESS_RESTARTS the registry may be away for a moment. */
static bool is_away(int ret)
{
	return restarts && (ret == -ENOTCONN || ret == -ENODEV || ret == -ENOENT ||
			    ret == -ECONNREFUSED);
}

static bool ends_well(const char *what, int ret)
{
	if (ret && !is_away(ret))
		fail("%s: %s", what, strerror(-ret));
	return !ret;
}

static void pub_create(struct pub *pub, uint64_t *random)
{
	struct agnocast_publisher_options options = {
		.size = sizeof(options), .depth = 1 + any(random, 8) * any(random, 8),
		.flags = any(random, 2) ? AGNOCAST_QOS_TRANSIENT_LOCAL : 0,
		.destroy = destroy,
	};
	char topic[32];

	topic_name(topic, random);
	pub->tag = worker_id << 20 | atomic_fetch_add(&next_tag, 1);
	pub->number = 0;
	if (ends_well("publisher", agnocast_publisher_create(topic, &options, &pub->handle)))
		count(&shared->publishers);
}

/* In @ws, or pollable, or neither; NULL: not in one. */
static void sub_create(struct sub *sub, struct agnocast_waitset *ws, uint64_t *random)
{
	struct agnocast_subscription_options options = {
		.size = sizeof(options), .depth = 1 + any(random, 10) * any(random, 10),
		.flags = (any(random, 2) ? AGNOCAST_QOS_TRANSIENT_LOCAL : 0) |
			 (any(random, 2) ? AGNOCAST_QOS_IGNORE_LOCAL : 0) |
			 (any(random, 3) ? 0 : AGNOCAST_POLLABLE),
	};
	char topic[32];

	memset(sub, 0, sizeof(*sub));
	topic_name(topic, random);
	sub->flags = options.flags;
	sub->latest = !any(random, 3);
	sub->ordered = true;
	sub->created_ns = now_ns();
	if (ends_well("subscription",
		      agnocast_subscription_create(topic, &options, &sub->handle)))
		count(&shared->subscriptions);
	if (sub->handle && ws && !(options.flags & AGNOCAST_POLLABLE) && any(random, 2) &&
	    ends_well("add", agnocast_waitset_add(ws, sub->handle, sub)))
		sub->ws = ws;
}

/* ---- checking ---- */

static struct source *source_of(struct sub *sub, uint64_t publisher)
{
	unsigned int i;

	for (i = 0; i < SOURCES; i++)
		if (!sub->source[i].publisher || sub->source[i].publisher == publisher)
			return &sub->source[i];
	return NULL;
}

/* In order, none twice, and the payload that its publisher gave this number. */
static void check_order(struct sub *sub, const struct agnocast_message *message)
{
	const struct payload *payload = message->data;
	struct source *source = source_of(sub, message->publisher);

	if (!source)
		return;
	/* The first may have got its time just before, and its place just after. */
	if (source->publisher && !(sub->flags & AGNOCAST_QOS_TRANSIENT_LOCAL) &&
	    message->publish_ns < sub->created_ns)
		fail("a message older than its volatile subscription");
	if (!source->publisher) {
		*source = (struct source){ message->publisher, payload->tag, message->seq,
					   message->seq - payload->number };
		return;
	}
	if (message->seq <= source->seq)
		fail("seq %lu came after %lu", message->seq, source->seq);
	if (payload->tag != source->tag || message->seq - payload->number != source->shift)
		fail("seq %lu is number %lu of %lx, not of %lx", message->seq,
		     payload->number, payload->tag, source->tag);
	sub->gaps += message->seq - source->seq - 1;
	source->seq = message->seq;
}

static void check_taken(struct sub *sub, const struct agnocast_message *message)
{
	const struct payload *payload = message->data;
	const char *problem = payload_problem(payload);

	if (problem) {
		fail("taken seq %lu of %lx: %s", message->seq, message->publisher, problem);
		return;
	}
	count(&shared->verified);
	if (payload->pid != message->pid)
		fail("a message of process %u is said to be of %u", payload->pid, message->pid);
	if (sub->flags & AGNOCAST_QOS_IGNORE_LOCAL && payload->pid == (uint32_t)getpid())
		fail("a local message in spite of ignore-local");
	if (sub->ordered)
		check_order(sub, message);
}

static void release(struct sub *sub, unsigned int i)
{
	const char *problem = payload_problem(sub->held[i].data);
	uint64_t seq = sub->held[i].seq, publisher = sub->held[i].publisher;
	int ret;

	if (problem)
		fail("held seq %lu of %lx: %s", seq, publisher, problem);
	ret = agnocast_message_release(&sub->held[i]);
	if (ret)
		fail("release: %s", strerror(-ret));
	sub->held[i] = sub->held[--sub->held_count];
}

/* ---- acting ---- */

static void publish(struct pub *pub, uint64_t *random)
{
	uint32_t words = any(random, 20) ? 1 + any(random, 32) : 1 + any(random, 4096);
	struct payload *payload = payload_make(pub->tag, pub->number + 1, words);
	int ret;

	if (!payload) {
		fail("no memory");
		return;
	}
	count(&published);
	ret = agnocast_publisher_publish(pub->handle, payload, sizeof(*payload));
	if (!ret) {
		pub->number++;
		count(&shared->published);
		return;
	}
	atomic_fetch_sub(&published, 1);
	payload_free(payload);
	count(&shared->refused);
	if (ret != -ENOBUFS)
		fail("publish: %s", strerror(-ret));
}

/* In its way, for at most @timeout ms; the take that follows does not wait. */
static void sleep_for(const struct sub *sub, int timeout)
{
	struct pollfd pollfd = { .fd = agnocast_fd(), .events = POLLIN };
	struct agnocast_event event;
	int ret;

	if (sub->flags & AGNOCAST_POLLABLE) {
		if (poll(&pollfd, 1, timeout) < 0)
			fail("poll: %s", strerror(errno));
		return;
	}
	ret = agnocast_waitset_wait(sub->ws, timeout, &event, 1);
	if (ret < 0 && ret != -EINTR)
		fail("wait: %s", strerror(-ret));
}

static void take(struct sub *sub, uint64_t *random)
{
	int timeout = any(random, 8) ? 0 : (int)any(random, 5), ret;
	struct agnocast_message *message = &sub->held[sub->held_count];

	if (timeout && (sub->ws || sub->flags & AGNOCAST_POLLABLE)) {
		sleep_for(sub, timeout);
		timeout = 0;
	}
	ret = sub->latest ? agnocast_subscription_take_latest(sub->handle, timeout, message)
			  : agnocast_subscription_take(sub->handle, timeout, message);
	if (ret == -EAGAIN || ret == -EINTR || ret == -EMFILE)
		return;
	if (ret) {
		fail("take: %s", strerror(-ret));
		return;
	}
	count(&shared->taken);
	sub->held_count++;
	check_taken(sub, message);
}

static void read_some(struct sub *sub, uint64_t *random)
{
	unsigned int n = any(random, 6);

	while (n-- && sub->held_count < HELD)
		take(sub, random);
	/* Some are released soon, some are held until there is no more room. */
	if (sub->held_count > HELD / 2 || !any(random, 4))
		for (n = any(random, HELD); n && sub->held_count; n--)
			release(sub, any(random, sub->held_count));
}

static void sub_destroy(struct sub *sub)
{
	struct agnocast_subscription_stats stats;
	int ret;

	while (sub->held_count)
		release(sub, 0);
	if (!sub->handle)
		return;
	/* What was passed over was counted. */
	ret = agnocast_subscription_stats_get(sub->handle, &stats, sizeof(stats));
	if (!ret && sub->gaps > stats.dropped + stats.skipped)
		fail("%lu messages are missing, %lu counted as dropped, %lu as skipped",
		     sub->gaps, stats.dropped, stats.skipped);
	if (sub->ws)
		ends_well("remove", agnocast_waitset_remove(sub->ws, sub->handle));
	ret = agnocast_subscription_destroy(sub->handle);
	ends_well("destroy", ret);
	sub->handle = NULL;
}

static void pub_destroy(struct pub *pub)
{
	agnocast_publisher_destroy(pub->handle);
	pub->handle = NULL;
}

static void one_round(struct thread *thread)
{
	uint64_t *random = &thread->random;

	for (unsigned int i = 0; i < PUBS; i++) {
		struct pub *pub = &thread->pub[i];

		if (!pub->handle)
			pub_create(pub, random);
		for (unsigned int n = any(random, 4); n && pub->handle; n--)
			publish(pub, random);
		if (!any(random, 300))
			pub_destroy(pub);
	}
	for (unsigned int i = 0; i < SUBS; i++) {
		struct sub *sub = &thread->sub[i];

		if (!sub->handle)
			sub_create(sub, thread->ws, random);
		if (sub->handle)
			read_some(sub, random);
		if (!any(random, 300))
			sub_destroy(sub);
	}
	read_some(&thread->view, random);
	pthread_mutex_lock(&shared_pub_lock);
	publish(&shared_pub, random);
	pthread_mutex_unlock(&shared_pub_lock);
	payload_bury(false);
}

static void *work(void *arg)
{
	struct thread *thread = arg;

	if (pipe(thread->foreign) ||
	    !ends_well("wait-set", agnocast_waitset_create(NULL, &thread->ws)))
		exit(0);
	/* Half of them sleep on futexes. */
	if (any(&thread->random, 2))
		ends_well("add_fd", agnocast_waitset_add_fd(thread->ws, thread->foreign[0],
							    EPOLLIN, NULL));
	while (!shared->stop) {
		one_round(thread);
		if (!any(&thread->random, 16))
			usleep(any(&thread->random, 2000));
	}
	for (unsigned int i = 0; i < SUBS; i++)
		sub_destroy(&thread->sub[i]);
	for (unsigned int i = 0; i < PUBS; i++)
		pub_destroy(&thread->pub[i]);
	while (thread->view.held_count)
		release(&thread->view, 0);
	agnocast_waitset_destroy(thread->ws);
	return NULL;
}

/* Each message that was published is destroyed, once: every reader is gone. */
static void wait_for_the_last(void)
{
	uint64_t deadline = now_ns() + PATIENCE_NS;

	while (destroyed != published && now_ns() < deadline)
		usleep(10000);
	if (destroyed != published)
		fail("%lu published, %lu destroyed", published, destroyed);
	payload_bury(true);
}

static void say_nothing(enum agnocast_level level, const char *line, void *arg)
{
	(void)level;
	(void)line;
	(void)arg;
}

static void start(uint64_t seed)
{
	uint64_t random = seed;
	struct sub first;

	pub_create(&shared_pub, &random);
	sub_create(&first, NULL, &random);
	if (!shared_pub.handle || !first.handle)
		exit(0);	/* no registry just now */
	shared_sub = first.handle;
	for (unsigned int i = 0; i < THREADS; i++) {
		threads[i].random = seed * (i + 2) | 1;
		threads[i].view = first;
		threads[i].view.ordered = false;
		pthread_create(&threads[i].thread, NULL, work, &threads[i]);
	}
}

int main(int argc, char **argv)
{
	struct sub last = { 0 };

	if (argc != 3) {
		fputs("usage: worker FD SEED\n", stderr);
		return 64;
	}
	shared_map(atoi(argv[1]));
	worker_id = strtoull(argv[2], NULL, 10);
	if (!getenv("STRESS_LOG"))
		agnocast_log_set(say_nothing, NULL);
	restarts = getenv("STRESS_RESTARTS");
	start(worker_id * UINT64_C(0x9E3779B97F4A7C15) | 1);
	for (unsigned int i = 0; i < THREADS; i++)
		pthread_join(threads[i].thread, NULL);
	last.handle = shared_sub;
	sub_destroy(&last);
	pub_destroy(&shared_pub);
	wait_for_the_last();
	return 0;
}
