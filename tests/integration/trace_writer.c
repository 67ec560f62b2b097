// SPDX-License-Identifier: BSD-2-Clause
/*
 * trace_writer.c - a subscriber that writes into the first message it takes
 *
 *	trace_writer TOPIC
 */
#include <agnocast/agnocast.h>
#include <stdio.h>
#include <string.h>

int main(int argc, char **argv)
{
	const struct agnocast_subscription_options options = {
		.size = sizeof(options), .depth = 4, .node = "writer",
	};
	struct agnocast_subscription *sub;
	struct agnocast_message message;
	int err = argc == 2 ? agnocast_subscription_create(argv[1], &options, &sub) : -1;

	if (err) {
		fprintf(stderr, "trace_writer: %d: %s\n", err, agnocast_reason());
		return 1;
	}
	err = agnocast_subscription_take(sub, 10000, &message);
	if (err) {
		fprintf(stderr, "trace_writer: take: %s\n", strerror(-err));
		return 1;
	}
	*(volatile char *)(uintptr_t)message.data = 1;
	return 0;
}
