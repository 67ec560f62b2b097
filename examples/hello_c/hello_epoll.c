/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * hello_epoll.c - listen from an event loop that is there already
 *
 *	MEMPOOL_SIZE=16M hello_epoll [COUNT]
 *
 * agnocast_fd() is one descriptor for all subscriptions of the process that
 * have AGNOCAST_POLLABLE. Here the loop is epoll; libuv, libevent, GLib or an
 * executor of ROS take the descriptor in the same way.
 */
#include <agnocast/agnocast.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "hello.h"

static void die(const char *what, int err)
{
	fprintf(stderr, "hello_epoll: %s: %s. %s\n", what, strerror(-err), agnocast_reason());
	exit(1);
}

/* Until it is empty: that is what makes the descriptor unreadable again. */
static unsigned int listen(struct agnocast_subscription *sub)
{
	struct agnocast_message message;
	unsigned int heard = 0;

	while (!agnocast_subscription_take(sub, 0, &message)) {
		const struct hello *hello = message.data;

		printf("heard number %u from process %u\n", hello->number, message.pid);
		agnocast_message_release(&message);
		heard++;
	}
	fflush(stdout);
	return heard;
}

int main(int argc, char **argv)
{
	const struct agnocast_subscription_options options = {
		.size = sizeof(options), .depth = 16, .flags = AGNOCAST_POLLABLE,
		.node = "epoll",
	};
	unsigned int heard = 0, count = argc > 1 ? strtoul(argv[1], NULL, 10) : -1U;
	struct epoll_event event = { .events = EPOLLIN };
	struct agnocast_subscription *sub;
	int epoll = epoll_create1(EPOLL_CLOEXEC);
	int err = agnocast_subscription_create(HELLO_TOPIC, &options, &sub);

	if (err)
		die(HELLO_TOPIC, err);
	if (epoll < 0 || epoll_ctl(epoll, EPOLL_CTL_ADD, agnocast_fd(), &event))
		die("epoll", -errno);
	while (heard < count)
		if (epoll_wait(epoll, &event, 1, -1) == 1)
			heard += listen(sub);
	close(epoll);
	agnocast_subscription_destroy(sub);
	return 0;
}
