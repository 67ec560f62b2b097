// SPDX-License-Identifier: BSD-2-Clause
/* peer_agnocast.c - ours, through the C API as anybody would use it */

#include "bench.h"

#include <agnocast/agnocast.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>

const char peer_name[] = "agnocast";
const bool peer_has_threads = false;

#define SPIN_US		50	/* of HOW_SPIN_SLEEP, as in the floor */
#define EVENTS		64

struct our_sub {
	struct agnocast_subscription *sub;
	enum how how;
	int	epoll;		/* HOW_FD: holds agnocast_fd() */
};

static struct agnocast_publisher *publishers[BENCH_READERS * 8];
static uint32_t publishers_count;

_Static_assert(sizeof(struct agnocast_message) <= sizeof(((struct message *)0)->priv),
	       "a loan must fit into the private part");

static void check(int err, const char *what)
{
	if (err)
		die("%s: %s (%s)", what, strerror(-err), agnocast_reason());
}

void peer_start(void)
{
	check(agnocast_status(), "agnocast_status");
}

void peer_stop(void)
{
}

/* Until every subscription can be reached: the library's thread maps it. */
void peer_settle(void)
{
	struct agnocast_publisher_stats stats;

	for (uint32_t i = 0; i < publishers_count; i++)
		do {
			sleep_us(500);
			check(agnocast_publisher_stats_get(publishers[i], &stats, sizeof(stats)),
			      "agnocast_publisher_stats_get");
		} while (stats.unmapped);
}

static void *make_publisher(const char *topic, void (*destroy)(void *, void *))
{
	struct agnocast_publisher_options options = {
		.size = sizeof(options), .depth = args.depth, .node = "bench",
		.destroy = destroy,
	};
	struct agnocast_publisher *pub;

	check(agnocast_publisher_create(topic, &options, &pub), "agnocast_publisher_create");
	if (publishers_count < sizeof(publishers) / sizeof(*publishers))
		publishers[publishers_count++] = pub;
	return pub;
}

void *peer_publisher(const char *topic)
{
	return make_publisher(topic, NULL);
}

static void watch(struct our_sub *sub)
{
	struct epoll_event event = { .events = EPOLLIN };
	int fd = agnocast_fd();

	if (fd < 0)
		check(fd, "agnocast_fd");
	sub->epoll = epoll_create1(EPOLL_CLOEXEC);
	if (sub->epoll < 0 || epoll_ctl(sub->epoll, EPOLL_CTL_ADD, fd, &event))
		die("epoll: %m");
}

void *peer_subscription(const char *topic, enum how how)
{
	struct agnocast_subscription_options options = {
		.size = sizeof(options), .depth = args.depth, .node = "bench",
		.flags = how == HOW_FD ? AGNOCAST_POLLABLE : 0,
		.spin_us = how == HOW_SPIN_SLEEP ? SPIN_US : 0,
	};
	struct our_sub *sub = calloc(1, sizeof(*sub));

	sub->how = how;
	check(agnocast_subscription_create(topic, &options, &sub->sub),
	      "agnocast_subscription_create");
	if (how == HOW_FD)
		watch(sub);
	return sub;
}

void *peer_loan(void *pub, size_t bytes)
{
	(void)pub;
	return malloc(bytes);
}

void peer_publish(void *pub, void *message, size_t bytes)
{
	int err = agnocast_publisher_publish(pub, message, bytes);

	if (err)
		die("agnocast_publisher_publish: %s", strerror(-err));
}

static bool take(struct our_sub *sub, int timeout_ms, struct message *message)
{
	struct agnocast_message *loan = (struct agnocast_message *)message->priv;
	int err = agnocast_subscription_take(sub->sub, timeout_ms, loan);

	if (err) {
		if (err != -EAGAIN && err != -EINTR)
			die("agnocast_subscription_take: %s", strerror(-err));
		return false;
	}
	message->data = loan->data;
	message->bytes = loan->bytes;
	return true;
}

bool peer_take(void *p, struct message *message)
{
	struct our_sub *sub = p;
	struct epoll_event event;

	if (sub->how == HOW_POLL)
		return take(sub, 0, message);
	if (sub->how != HOW_FD)
		return take(sub, -1, message);
	if (take(sub, 0, message))
		return true;
	epoll_wait(sub->epoll, &event, 1, -1);
	return take(sub, 0, message);
}

void peer_release(void *sub, struct message *message)
{
	(void)sub;
	check(agnocast_message_release((struct agnocast_message *)message->priv),
	      "agnocast_message_release");
}

struct our_set {
	struct agnocast_waitset *ws;
	struct our_sub **subs;
	struct agnocast_event event[EVENTS];
	int	events;		/* not yet worked off */
};

void *peer_set(void **subs, unsigned int count)
{
	struct our_set *set = calloc(1, sizeof(*set));

	check(agnocast_waitset_create(NULL, &set->ws), "agnocast_waitset_create");
	set->subs = (struct our_sub **)subs;
	for (unsigned int i = 0; i < count; i++)
		check(agnocast_waitset_add(set->ws, set->subs[i]->sub, (void *)(uintptr_t)i),
		      "agnocast_waitset_add");
	return set;
}

bool peer_set_take(void *p, struct message *message, unsigned int *index)
{
	struct our_set *set = p;

	for (;;) {
		for (; set->events > 0; set->events--) {
			*index = (unsigned int)(uintptr_t)set->event[set->events - 1].arg;
			if (take(set->subs[*index], 0, message))
				return true;
		}
		set->events = agnocast_waitset_wait(set->ws, -1, set->event, EVENTS);
		if (set->events < 0 && set->events != -EINTR)
			die("agnocast_waitset_wait: %s", strerror(-set->events));
	}
}

/* A cloud is published as it is: strings, fields and points where they lie. */
static void destroy_cloud(void *message, void *arg)
{
	struct cloud *c = message;

	(void)arg;
	for (uint32_t i = 0; i < c->fields_count; i++)
		free((void *)c->fields[i].name);
	free((void *)c->fields);
	free((void *)c->frame_id);
	free(c->data);
	free(c);
}

void *peer_cloud_publisher(const char *topic)
{
	return make_publisher(topic, destroy_cloud);
}

void *peer_cloud_subscription(const char *topic, enum how how)
{
	return peer_subscription(topic, how);
}

void *peer_cloud_alloc(size_t bytes)
{
	return malloc(bytes);
}

void peer_cloud_publish(void *pub, struct cloud *from)
{
	struct cloud *c = malloc(sizeof(*c));
	struct field *fields = malloc(from->fields_count * sizeof(*fields));

	*c = *from;
	c->frame_id = strdup(from->frame_id);
	for (uint32_t i = 0; i < from->fields_count; i++) {
		fields[i] = from->fields[i];
		fields[i].name = strdup(from->fields[i].name);
	}
	c->fields = fields;
	peer_publish(pub, c, sizeof(*c) + c->data_bytes);
}

bool peer_cloud_take(void *sub, struct message *message, struct cloud *cloud)
{
	if (!peer_take(sub, message))
		return false;
	*cloud = *(const struct cloud *)message->data;
	return true;
}

void peer_cloud_release(void *sub, struct message *message, struct cloud *cloud)
{
	(void)cloud;
	peer_release(sub, message);
}
