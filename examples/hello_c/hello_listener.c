/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * hello_listener.c - read the talker's structs in place
 *
 *	MEMPOOL_SIZE=16M hello_listener [COUNT]
 *
 * What is read lies in the talker's memory, at the talker's addresses, mapped
 * read-only: compare the addresses that both print.
 */
#include <agnocast/agnocast.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "hello.h"

static void hello_print(const struct agnocast_message *message)
{
	const struct hello *hello = message->data;

	printf("heard number %u at %p from process %u: \"%s\"\n", hello->number,
	       message->data, message->pid, hello->text);
	fflush(stdout);
}

int main(int argc, char **argv)
{
	const struct agnocast_subscription_options options = {
		.size = sizeof(options), .depth = 4, .node = "listener",
	};
	unsigned int count = argc > 1 ? strtoul(argv[1], NULL, 10) : -1U;
	struct agnocast_subscription *sub;
	struct agnocast_message message;
	int err = agnocast_subscription_create(HELLO_TOPIC, &options, &sub);

	if (err) {
		fprintf(stderr, "hello_listener: %s: %s\n", strerror(-err), agnocast_reason());
		return 1;
	}
	for (unsigned int heard = 0; heard < count; heard++) {
		err = agnocast_subscription_take(sub, -1, &message);
		if (err) {
			fprintf(stderr, "hello_listener: take: %s\n", strerror(-err));
			break;
		}
		hello_print(&message);
		agnocast_message_release(&message);	/* now the talker may free it */
	}
	agnocast_subscription_destroy(sub);
	return err ? 1 : 0;
}
