/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * hello_waitset.c - one thread, two subscriptions and the keyboard
 *
 *	MEMPOOL_SIZE=16M hello_waitset
 *
 * Listens to the talker twice, as two topics would be, and says what it heard
 * when a line is typed. Ends with the input.
 */
#include <agnocast/agnocast.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "hello.h"

struct ear {
	const char *name;
	struct agnocast_subscription *sub;
	unsigned int heard, last;
};

static void die(const char *what, int err)
{
	fprintf(stderr, "hello_waitset: %s: %s. %s\n", what, strerror(-err), agnocast_reason());
	exit(1);
}

static void open_ear(struct ear *ear, struct agnocast_waitset *ws)
{
	const struct agnocast_subscription_options options = {
		.size = sizeof(options), .depth = 16, .node = ear->name,
	};
	int err = agnocast_subscription_create(HELLO_TOPIC, &options, &ear->sub);

	if (!err)
		err = agnocast_waitset_add(ws, ear->sub, ear);
	if (err)
		die(ear->name, err);
}

/* One message for each time it is reported: so both get their turn. */
static void listen(struct ear *ear)
{
	struct agnocast_message message;
	const struct hello *hello;

	if (agnocast_subscription_take(ear->sub, 0, &message))
		return;		/* somebody else took it */
	hello = message.data;
	ear->heard++;
	ear->last = hello->number;
	agnocast_message_release(&message);
}

int main(void)
{
	struct ear ears[] = { { .name = "left" }, { .name = "right" } };
	struct agnocast_waitset *ws;
	struct agnocast_event events[4];
	char line[256];
	int n, err = agnocast_waitset_create(NULL, &ws);

	if (err)
		die("agnocast_waitset_create", err);
	for (int i = 0; i < 2; i++)
		open_ear(&ears[i], ws);
	err = agnocast_waitset_add_fd(ws, STDIN_FILENO, EPOLLIN, NULL);
	if (err)
		die("standard input (a terminal or a pipe, please)", err);
	while ((n = agnocast_waitset_wait(ws, -1, events, 4)) >= 0 || n == -EINTR) {
		for (int i = 0; i < n; i++) {
			if (events[i].subscription)
				listen(events[i].arg);
			else if (read(STDIN_FILENO, line, sizeof(line)) <= 0)
				goto out;
			else
				printf("left heard %u, up to number %u; right %u, up to %u\n",
				       ears[0].heard, ears[0].last, ears[1].heard,
				       ears[1].last);
		}
		fflush(stdout);
	}
out:
	agnocast_waitset_destroy(ws);
	for (int i = 0; i < 2; i++)
		agnocast_subscription_destroy(ears[i].sub);
	return 0;
}
