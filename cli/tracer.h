/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * tracer.h - the eBPF programs, loaded and attached
 *
 * What this kernel lacks is left out and said in one sentence; nothing is
 * decided by a version number. source_bpf.c makes the columns of agnocast-top
 * of it, cmd_trace.c a stream.
 */
#ifndef AGNOCAST_CLI_TRACER_H
#define AGNOCAST_CLI_TRACER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <linux/types.h>
#include <uapi/agnocast.h>

#include "../bpf/events.h"

#define TRACER_ALL	(1U << 0)	/* every call is an event, not only failures */
#define TRACER_WANTED	(1U << 1)	/* of processes named by tracer_want() only */
#define TRACER_HOLD	(1U << 2)	/* SIGSTOP to a process at its first failure */

/*
 * What a failure comes with: the call's arguments only (no BTF); the process's
 * limits and the file; the mapping at either end of the range as well; or any
 * mapping in the way.
 */
enum tracer_level { TRACER_ARGUMENTS, TRACER_PLAIN, TRACER_FIND, TRACER_WALK };

struct tracer;

/* @failure: more than its event only if failure->event.captured. */
typedef void (*tracer_take)(void *context, const struct agnocast_failure *failure);

/* $AGNOCAST_BTF, or NULL for what the kernel says of itself. */
const char *tracer_btf(void);

/*
 * Load and attach for the window of @version. @btf: NULL, or a file with this
 * kernel's BTF. NULL, errno, and a sentence in @why if that can't be; a sentence
 * as well if a part is missing, else "".
 */
struct tracer *tracer_open(const struct agnocast_version *version, unsigned int flags,
			   const char *btf, char *why, size_t len);
void tracer_close(struct tracer *tracer);	/* NULL is allowed */

enum tracer_level tracer_level(const struct tracer *tracer);
bool tracer_sees_faults(const struct tracer *tracer);

/* Trace @pid, and what it forks (in the first pid namespace). 0 or -errno. */
int tracer_want(struct tracer *tracer, uint32_t pid);

/* Readable when events wait; -1 for NULL. */
int tracer_fd(const struct tracer *tracer);

/* Hand over what waits. */
void tracer_collect(struct tracer *tracer, tracer_take take, void *context);

/* Events and counts that there was no room for. */
uint64_t tracer_lost(const struct tracer *tracer);

/* The map of struct agnocast_call_key to struct agnocast_call_stat. */
int tracer_stats(const struct tracer *tracer);

#endif /* AGNOCAST_CLI_TRACER_H */
