/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * registry_member.h - processes that join by protocol alone
 *
 * No libagnocast, no heap in shared memory: a member is a connection, an area
 * of one page and what it tells the registry. A crowd is many of them, each a
 * process, that do one thing, wait, and end together.
 */
#ifndef AGNOCAST_TEST_REGISTRY_MEMBER_H
#define AGNOCAST_TEST_REGISTRY_MEMBER_H

#include <stdbool.h>
#include <sys/types.h>

#include "../../lib/registry_client.h"

/* Says where it failed and ends the process. */
#define CHECK(condition) do {						\
	if (!(condition))						\
		check_failed(__FILE__, __LINE__, #condition);		\
} while (0)
void check_failed(const char *file, int line, const char *what) __attribute__((noreturn));

struct member {
	struct registry_client client;
	struct agnocast_new_shm shm;
	void	*area;			/* one page at .shm.base */
};

/* Connects, and maps the token page of a device. Returns 0 or -errno. */
int member_open(struct member *member);
/* NEW_SHM, an area of one page whose name is removed at once, AREA_READY. */
int member_enter(struct member *member);
/* Both; the test ends if they fail. */
void member_join(struct member *member);
void member_leave(struct member *member);

/* Adds with depth @depth and block 64 * @depth. Returns 0 or -errno. */
int member_add(struct member *member, unsigned int cmd, const char *topic,
	       unsigned int depth, struct agnocast_endpoint_add *add);
int member_remove(struct member *member, unsigned int cmd, uint64_t generation);

/* A connection without a session; the test ends if there is none. */
void observer_open(struct registry_client *client);

/* All records of a list, read @page at a time; to be freed. Checks their order. */
struct records {
	char	*at;
	size_t	count, size;		/* of one record, bytes */
};
struct records list_all(struct registry_client *client, unsigned int what, unsigned int page);
size_t list_count(struct registry_client *client, unsigned int what);

/* The lists of sessions, topics, endpoints and mappings: what a failed call must leave alone. */
struct snapshot {
	struct records list[4];
};
struct snapshot snapshot_take(struct registry_client *client);
void snapshot_free(struct snapshot *snapshot);
/* Frees both. */
bool snapshots_are_equal(struct snapshot *a, struct snapshot *b);
/* Takes snapshots until they are like this one, for at most 20 s; frees it. */
bool becomes(struct registry_client *client, struct snapshot *expected);
bool count_becomes(struct registry_client *client, unsigned int what, size_t count);

/* What one process of a crowd leaves for the test to see. */
struct mate {
	pid_t	pid;
	int	result;			/* of its join, then of its work */
	struct agnocast_new_shm shm;
	uint64_t value[32];		/* as the work likes */
};

struct crowd {
	uint32_t go;			/* futex: 1: end */
	uint32_t ready;			/* futex: how many wait */
	unsigned int count;
	struct mate mate[];
};

/*
 * Starts @count processes that join, do @work (may be NULL) and wait. Returns
 * when all of them wait. To be ended by crowd_end(): by @signal, or in good
 * order if that is 0.
 */
typedef int (*crowd_work)(struct member *member, struct crowd *crowd, unsigned int i);
struct crowd *crowd_start(unsigned int count, crowd_work work);
/* The same, but @work goes on until crowd_was_told_to_end(). */
struct crowd *crowd_start_busy(unsigned int count, crowd_work work);
void crowd_end(struct crowd *crowd, int signal);
bool crowd_was_told_to_end(const struct crowd *crowd);

#endif /* AGNOCAST_TEST_REGISTRY_MEMBER_H */
