// SPDX-License-Identifier: BSD-2-Clause
/*
 * trace_writer.c - a participant that touches memory it must not
 *
 *	trace_writer TOPIC [ADDRESS]
 *
 * Subscribes, takes a message and writes into it. ADDRESS: 0x... reads there;
 * "beyond" reads far behind the message, "own" writes far behind its own heap.
 */
#include <agnocast/agnocast.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define AREA (UINT64_C(16) << 30)

/* The last page but one of the area that @address is in. */
static volatile char *end_of(uint64_t address)
{
	return (volatile char *)((address & ~(AREA - 1)) + AREA - 8192);
}

static void touch(const struct agnocast_message *message, const char *where)
{
	static void *volatile own;

	if (!where) {
		*(volatile char *)(uintptr_t)message->data = 1;
	} else if (!strcmp(where, "beyond")) {
		exit(*end_of((uintptr_t)message->data));
	} else if (!strcmp(where, "own")) {
		own = malloc(64);
		*end_of((uintptr_t)own) = 1;
	} else {
		exit(*(volatile char *)(uintptr_t)strtoull(where, NULL, 0));
	}
}

int main(int argc, char **argv)
{
	const struct agnocast_subscription_options options = {
		.size = sizeof(options), .depth = 4, .node = "writer",
	};
	const char *where = argc > 2 ? argv[2] : NULL;
	struct agnocast_subscription *sub;
	struct agnocast_message message = { .data = NULL };
	int err = argc > 1 ? agnocast_subscription_create(argv[1], &options, &sub) : -1;

	if (err) {
		fprintf(stderr, "trace_writer: %d: %s\n", err, agnocast_reason());
		return 1;
	}
	if (!where || !strcmp(where, "beyond"))
		err = agnocast_subscription_take(sub, 10000, &message);
	if (err) {
		fprintf(stderr, "trace_writer: take: %s\n", strerror(-err));
		return 1;
	}
	touch(&message, where);
	return 0;
}
