/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * payload.h - messages that say of themselves what they must be
 *
 * A struct and a body elsewhere in the heap, both made from who published it
 * and its number. What is destroyed is poisoned at once and freed later: a
 * reader that comes too late finds poison, not luck.
 */
#ifndef STRESS_PAYLOAD_H
#define STRESS_PAYLOAD_H

#include <stdbool.h>
#include <stdint.h>

struct payload {
	uint64_t magic;
	const struct payload *self;	/* where it was published */
	uint64_t tag;			/* its publisher, among all of the run */
	uint64_t number;		/* at its publisher, from 1 */
	uint32_t pid;
	uint32_t words;			/* of the body */
	uint64_t *body;
};

/* NULL: no memory. */
struct payload *payload_make(uint64_t tag, uint64_t number, uint32_t words);
/* One that was refused. */
void payload_free(struct payload *payload);
/* The destroy callback of publishers. */
void payload_destroy(void *message, void *arg);
/* Frees what was destroyed and has lain long enough; all of it with @all. */
void payload_bury(bool all);
/* NULL, or what is wrong with it. */
const char *payload_problem(const struct payload *payload);

#endif /* STRESS_PAYLOAD_H */
