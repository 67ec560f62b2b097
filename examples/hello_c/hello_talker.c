/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * hello_talker.c - publish a struct, pointer and all, twice a second
 *
 *	MEMPOOL_SIZE=16M hello_talker		(and hello_listener elsewhere)
 *
 * No serialisation: malloc() returns shared memory, so what is published is
 * the object itself.
 */
#define _GNU_SOURCE
#include <agnocast/agnocast.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "hello.h"

/* Called in this process when no listener needs the message any more. */
static void hello_free(void *message, void *arg)
{
	struct hello *hello = message;

	(void)arg;
	free((void *)hello->text);
	free(hello);
}

static struct hello *hello_new(unsigned int number)
{
	struct hello *hello = malloc(sizeof(*hello));
	char *text;

	if (!hello || asprintf(&text, "hello number %u", number) < 0) {
		free(hello);
		return NULL;
	}
	hello->number = number;
	hello->text = text;
	return hello;
}

int main(int argc, char **argv)
{
	const struct agnocast_publisher_options options = {
		.size = sizeof(options), .depth = 4, .node = "talker", .destroy = hello_free,
	};
	unsigned int count = argc > 1 ? strtoul(argv[1], NULL, 10) : -1U;
	struct agnocast_publisher *pub;
	int err = agnocast_publisher_create(HELLO_TOPIC, &options, &pub);

	if (err) {
		fprintf(stderr, "hello_talker: %s: %s\n", strerror(-err), agnocast_reason());
		return 1;
	}
	for (unsigned int number = 1; number <= count; number++) {
		struct hello *hello = hello_new(number);

		err = hello ? agnocast_publisher_publish(pub, hello, sizeof(*hello)) : -ENOMEM;
		if (err) {	/* it is still ours */
			fprintf(stderr, "hello_talker: publish: %s\n", strerror(-err));
			if (hello)
				hello_free(hello, NULL);
		} else {
			printf("said number %u at %p\n", number, (void *)hello);
		}
		fflush(stdout);
		usleep(500 * 1000);
	}
	agnocast_publisher_destroy(pub);
	return 0;
}
