/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * cause.h - why a call failed, and what to do about it
 *
 * A table and a pure function: from what was captured at the failure, the
 * kernel's own checks are made again in the kernel's order, and the first that
 * fails is the cause. No I/O here; what it needs to know of the machine is
 * read by machine.c.
 */
#ifndef AGNOCAST_CLI_CAUSE_H
#define AGNOCAST_CLI_CAUSE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <linux/types.h>

#include "../bpf/events.h"

#define CAUSE_TEXT 256		/* bytes of a sentence, with the final NUL */

/* The machine, for all its processes. 0: not known. */
struct cause_machine {
	uint64_t	page_size;
	uint64_t	max_map_count, mmap_min_addr, file_max;
	uint64_t	msg_max, msgsize_max, queues_max;
	uint64_t	overcommit;		/* vm.overcommit_memory */
	bool		shm_known;		/* the two below */
	uint64_t	shm_free_bytes, shm_free_inodes, shm_bytes;
	uint64_t	window_base, window_bytes;
};

/* Whose memory lies at the address, by the registry. */
struct cause_place {
	bool		known;		/* the registry was asked */
	uint32_t	owner_pid;	/* 0: the area is nobody's */
	const char	*owner_comm;	/* cleaned */
	const char	*topic;		/* of the message there, cleaned; NULL: not known */
	bool		own;		/* the owner is the process itself */
	bool		mapped;		/* by the registry, the process maps it */
	bool		in_heap;	/* else the control part */
	uint64_t	file_size;	/* of the area's file; 0: not known */
	uint64_t	offset;		/* of the address in it */
};

struct cause_case {
	const struct agnocast_failure	*failure;
	bool				captured;	/* .failure has the process's state as well */
	const struct cause_machine	*machine;
	struct cause_place		place;
};

struct cause {
	const char	*id;		/* "asan", constant; "" if none is known */
	char		why[CAUSE_TEXT];
	char		remedy[CAUSE_TEXT];
};

/* Always fills @cause; @id, @why and @remedy are "" where nothing useful is known. */
void cause_find(struct cause *cause, const struct cause_case *failed);

/* One row of the table, for `agnocast doctor --explain` and the tests. */
struct cause_row {
	const char	*id;
	uint32_t	call;		/* enum agnocast_call */
	int		error;		/* errno; SIGNAL: the signal; 0: see .odd */
	uint32_t	odd;		/* AGNOCAST_MOVED, AGNOCAST_OVERWROTE */
	bool		(*applies)(const struct cause_case *failed);	/* NULL: always */
	const char	*why, *remedy;	/* with {words} to be filled in */
};

size_t cause_rows(const struct cause_row **rows);

/* The two sentences of @row where nothing has happened: PID, SIZE and the like for its words. */
void cause_describe(struct cause *cause, const struct cause_row *row);

/* The cause called @id (it may be NULL or "") is worth a look, no more. */
bool cause_is_minor(const char *id);

/* "mmap", "ENOMEM" and the like as the tools print them. */
const char *cause_call(uint32_t call);
void cause_error(char *out, size_t len, const struct agnocast_event *event);

/* 0, or the positive errno, of an event's result. */
int cause_errno(const struct agnocast_event *event);

/* A failure, and no mere "would block". */
bool cause_is_fault(const struct agnocast_event *event);

#endif /* AGNOCAST_CLI_CAUSE_H */
