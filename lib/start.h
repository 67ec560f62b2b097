/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * start.h - whether and when this process joins
 *
 * Happens once, at the first call of the malloc family: reads the environment
 * (config.h), opens the registry, reserves the window, NEW_SHM, makes
 * the area. If anything is missing the heap is libc's, nothing is printed, and
 * the reason is kept for the first API call.
 */
#ifndef AGNOCAST_START_H
#define AGNOCAST_START_H

#include <stdbool.h>
#include "registry_client.h"

/* Open while this process is a member. */
extern struct registry_client registry;

/* AGNOCAST_THREAD_SCHED: how the library's thread is to run. .policy -1: as it comes. */
struct thread_sched {
	int	policy, priority;
};
extern struct thread_sched start_thread_sched;

/* From START_MEMBER on malloc serves from the area, from START_GUEST on there is one. */
enum start_state {
	START_NOT_YET,
	START_ALONE,		/* no member; start_reason() says why */
	START_GUEST,		/* a member whose malloc is not ours */
	START_GUEST_CHILD,
	START_MEMBER,
	START_CHILD,		/* forked: private copy of the area, not a member */
};

extern enum start_state start_state;

/*
 * Joins if that was not tried yet. Idempotent, thread-safe, allocates nothing.
 * @prepare is what the caller wants done while the registry works on the join;
 * perhaps it is not called.
 */
enum start_state start_with(void (*prepare)(void));

static inline enum start_state start_once(void)
{
	return start_with(NULL);
}

bool start_is_member(void);

/*
 * 0 if a member, else the -errno and sentence for every API call. Of a guest
 * the sentence says what it can do.
 */
int start_status(void);
const char *start_reason(void);

/*
 * Called once by the first endpoint (participant.c); the exit handler and the
 * fork handlers then call these back. All may be NULL.
 * @at_exit runs before the names are unlinked; @in_child in the child after
 * the heap's private copy is in place: no other thread exists there.
 */
void start_hooks(void (*at_exit)(void), void (*prepare)(void),
		 void (*in_parent)(void), void (*in_child)(void));

/* For fork.c: run one of these hooks. */
enum start_hook { HOOK_EXIT, HOOK_PREPARE, HOOK_PARENT, HOOK_CHILD };
void start_run_hook(enum start_hook which);

/* For fork.c: no join is under way when this returns. */
void start_settle(void);

/* For fork.c, in the child of a member: a member no longer. */
void start_become_child(void);

#endif /* AGNOCAST_START_H */
