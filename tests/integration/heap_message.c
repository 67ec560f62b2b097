/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * heap_message.c - a message far larger than MEMPOOL_SIZE
 *
 * Subscribers are there, and have mapped the publisher, before its heap grows
 * by half a gigabyte. With the argument "subscribe" this is one of them: it
 * says when it listens, reads the message, and says what it saw.
 */

#include <agnocast/agnocast.h>
#include <spawn.h>

#include "heap_test.h"

#define TOPIC		"/heap_message"
#define SUBSCRIBERS	2
#define WORDS		((size_t)512 << 20 >> 3)
#define WAIT_MS		60000

extern char **environ;

static uint64_t word(size_t i)
{
	return i * UINT64_C(0x9e3779b97f4a7c15);
}

static int subscribe(void)
{
	struct agnocast_subscription *sub;
	struct agnocast_message msg;
	const uint64_t *words;
	size_t i;

	if (agnocast_subscription_create(TOPIC, NULL, &sub))
		return 1;
	printf("listening\n");
	fflush(stdout);
	/* The first is small: after it, the publisher is mapped. */
	for (int n = 0; n < 2; n++) {
		if (agnocast_subscription_take(sub, WAIT_MS, &msg))
			return 2;
		if (msg.bytes == 8) {
			agnocast_message_release(&msg);
			printf("mapped\n");
			fflush(stdout);
		}
	}
	words = msg.data;
	for (i = 0; i < WORDS && words[i] == word(i); i++)
		;
	printf("%s\n", i == WORDS ? "whole" : "broken");
	fflush(stdout);
	agnocast_message_release(&msg);
	agnocast_subscription_destroy(sub);
	return 0;
}

/* Its output, or NULL. */
static FILE *start_subscriber(const char *self)
{
	char *argv[] = { (char *)self, "subscribe", NULL };
	posix_spawn_file_actions_t actions;
	int ends[2];
	pid_t pid;
	int err;

	if (pipe(ends))
		return NULL;
	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_adddup2(&actions, ends[1], STDOUT_FILENO);
	posix_spawn_file_actions_addclose(&actions, ends[0]);
	err = posix_spawn(&pid, "/proc/self/exe", &actions, NULL, argv, environ);
	posix_spawn_file_actions_destroy(&actions);
	close(ends[1]);
	return err ? NULL : fdopen(ends[0], "r");
}

static bool says(FILE *subscriber, const char *what)
{
	char line[64] = "";

	return fgets(line, sizeof(line), subscriber) && !strncmp(line, what, strlen(what));
}

static int all_say(FILE **subscribers, const char *what)
{
	int n = 0;

	for (int i = 0; i < SUBSCRIBERS; i++)
		n += says(subscribers[i], what);
	return check(what, n == SUBSCRIBERS, "%d of %d", n, SUBSCRIBERS);
}

static bool publish(struct agnocast_publisher *pub, size_t words)
{
	uint64_t *message = malloc(words * sizeof(*message));
	int ret;

	if (!message)
		return check("grows", false, "%s", strerror(errno));
	for (size_t i = 0; i < words; i++)
		message[i] = word(i);
	ret = agnocast_publisher_publish(pub, message, words * sizeof(*message));
	return check("publishes", !ret, "%d", ret);
}

int main(int argc, char **argv)
{
	FILE *subscribers[SUBSCRIBERS];
	struct agnocast_publisher *pub;
	int ret;

	if (argc > 1)
		return subscribe();
	for (int i = 0; i < SUBSCRIBERS; i++) {
		subscribers[i] = start_subscriber(argv[0]);
		if (!subscribers[i])
			return 1;
	}
	if (!all_say(subscribers, "listening"))
		return 1;
	ret = agnocast_publisher_create(TOPIC, NULL, &pub);
	if (!check("has_a_publisher", !ret, "%d", ret) || !publish(pub, 1) ||
	    !all_say(subscribers, "mapped") || !publish(pub, WORDS))
		return 1;
	all_say(subscribers, "whole");
	for (int i = 0; i < SUBSCRIBERS; i++)
		check("reader_ends_well", !wait_status(-1), "it did not");
	agnocast_publisher_destroy(pub);
	return failures != 0;
}
