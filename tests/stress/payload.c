/* SPDX-License-Identifier: BSD-2-Clause */
/* payload.c - messages that say of themselves what they must be */

#include "payload.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "shared.h"

#define MAGIC UINT64_C(0x65766c6f76206e49)
#define POISON 0xa5
#define LIES_NS 50000000u	/* as poison */
#define GRAVES 8192

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct grave {
	struct payload *payload;
	uint64_t *body;
	uint64_t ns;
} grave[GRAVES];			/* a ring, oldest first */
static unsigned int first, graves;

static uint64_t word_of(uint64_t tag, uint64_t number, uint32_t i)
{
	return (tag * 31 + number + i) * UINT64_C(0x9E3779B97F4A7C15);
}

struct payload *payload_make(uint64_t tag, uint64_t number, uint32_t words)
{
	struct payload *payload = malloc(sizeof(*payload));
	uint64_t *body = malloc(words * sizeof(*body));

	if (!payload || !body) {
		free(payload);
		free(body);
		return NULL;
	}
	*payload = (struct payload){ .magic = MAGIC, .self = payload, .tag = tag,
				     .number = number, .pid = (uint32_t)getpid(),
				     .words = words, .body = body };
	for (uint32_t i = 0; i < words; i++)
		body[i] = word_of(tag, number, i);
	return payload;
}

void payload_free(struct payload *payload)
{
	free(payload->body);
	free(payload);
}

/* The lock is held. */
static void bury_first(void)
{
	free(grave[first].body);
	free(grave[first].payload);
	first = (first + 1) % GRAVES;
	graves--;
}

void payload_bury(bool all)
{
	uint64_t now = now_ns();

	pthread_mutex_lock(&lock);
	while (graves && (all || now - grave[first].ns > LIES_NS))
		bury_first();
	pthread_mutex_unlock(&lock);
}

void payload_destroy(void *message, void *arg)
{
	struct payload *payload = message;
	struct grave next = { payload, payload->body, now_ns() };
	const char *problem = payload_problem(payload);

	(void)arg;
	if (problem)
		fail("destroyed: %s", problem);
	memset(payload->body, POISON, payload->words * sizeof(*payload->body));
	memset(payload, POISON, sizeof(*payload));
	count(&shared->destroyed);
	pthread_mutex_lock(&lock);
	if (graves == GRAVES)
		bury_first();
	grave[(first + graves++) % GRAVES] = next;
	pthread_mutex_unlock(&lock);
}

static bool is_poison(uint64_t word)
{
	return word == UINT64_C(0x0101010101010101) * POISON;
}

const char *payload_problem(const struct payload *payload)
{
	if (payload->magic != MAGIC)
		return is_poison(payload->magic) ? "it was destroyed" : "it is no message";
	if (payload->self != payload)
		return "it is not where it was published";
	for (uint32_t i = 0; i < payload->words; i++) {
		uint64_t word = payload->body[i];

		if (word != word_of(payload->tag, payload->number, i))
			return is_poison(word) ? "its body was destroyed" : "its body is damaged";
	}
	return NULL;
}
