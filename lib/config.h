/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * config.h - what the environment asks of the library
 *
 * Pure functions over an environment block: no getenv(), since the heap starts
 * before libc has set environ, and no memory, since there is no heap yet.
 */
#ifndef AGNOCAST_CONFIG_H
#define AGNOCAST_CONFIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CONFIG_ROUND	102400	/* MEMPOOL_SIZE is a multiple of it, bytes */

struct config {
	uint64_t	mempool_size;	/* bytes, rounded up; 0 if that failed */
	uint64_t	mempool_max;	/* bytes the heap may grow to; 0: the whole area */
	const char	*registry;	/* AGNOCAST_REGISTRY in @env; NULL: the default */
	bool		prefault;
	bool		heap_check;
	bool		huge_pages;
	bool		strict;
	int		thread_policy;	/* of the library's thread: SCHED_..., -1: as it comes */
	int		thread_priority;
};

/* The value of @name in @env, or NULL. @env may be NULL. */
const char *config_get(char *const *env, const char *name);

/*
 * The bytes that @value says: a decimal number, perhaps followed by k, M or G
 * (powers of 1024), more than 0. -EINVAL: @why (@len bytes) gets a sentence
 * with @name, the value and the remedy. More than 2^64 - 1 is UINT64_MAX.
 */
int config_size(const char *name, const char *value, uint64_t *bytes,
		char *why, size_t len);

/*
 * How the library's thread is to be scheduled: "other", "fifo:N" or "rr:N" with
 * N from 1 to 99. -EINVAL with a sentence.
 */
int config_sched(const char *name, const char *value, int *policy, int *priority,
		 char *why, size_t len);

/*
 * Read all variables. -EINVAL with a sentence in @why for the first one that
 * cannot be used; .strict is right even then.
 */
int config_read(struct config *config, char *const *env, char *why, size_t len);

/*
 * Do both sizes fit a heap of @heap bytes of addresses? -EINVAL with a
 * sentence; else .mempool_max is at most @heap and never 0.
 */
int config_fit(struct config *config, char *const *env, uint64_t heap,
	       char *why, size_t len);

#endif /* AGNOCAST_CONFIG_H */
