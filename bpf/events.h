/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * events.h - what agnocast.bpf.c hands to the observers
 *
 * Included by both sides: fixed-size members, no holes, units in comments.
 */
#ifndef AGNOCAST_EVENTS_H
#define AGNOCAST_EVENTS_H

/* Which call; in the order of enum model_call of cli/model.h. */
enum agnocast_call {
	AGNOCAST_CALL_SHM_OPEN,		/* openat("/dev/shm/agnocast@...") */
	AGNOCAST_CALL_MMAP,		/* in the window, or of an agnocast@ file */
	AGNOCAST_CALL_MQ_OPEN,		/* mq_open("new_publisher@...") */
	AGNOCAST_CALL_MQ_SEND,		/* mq_timedsend() to such a queue */
	AGNOCAST_CALL_COUNT,
	AGNOCAST_CALL_SIGNAL = AGNOCAST_CALL_COUNT, /* SIGBUS, SIGSEGV in the window */
};

#define AGNOCAST_COMM_LEN	16	/* bytes, with the final NUL */
#define AGNOCAST_NAME_LEN	40	/* bytes, with the final NUL */

struct agnocast_call_key {
	__u32	pid;			/* as the observer's pid namespace sees it */
	__u32	call;			/* enum agnocast_call */
};

/* Since the programs were attached. */
struct agnocast_call_stat {
	__u64	calls;
	__u64	errors;			/* without .again */
	__u64	again;			/* EAGAIN of mq_send: a wake-up is already pending */
	__u64	sum_ns;			/* time inside the call */
	__u64	max_ns;
	char	comm[AGNOCAST_COMM_LEN]; /* when first seen */
};

/* A failure; with .all_events every call. */
struct agnocast_event {
	__u64	time_ns;		/* CLOCK_MONOTONIC, at the return */
	__u64	duration_ns;
	__u64	address;		/* mmap: asked for; signal: that faulted */
	__u64	length;			/* mmap, mq_send: bytes */
	__s64	result;			/* of the call: negative errno on failure; signal: its number */
	__u32	pid;
	__u32	tid;
	__u32	call;			/* enum agnocast_call */
	__u32	flags;			/* openat, mq_open: flags; mmap: flags; signal: si_code */
	__u32	prot;			/* mmap */
	__s32	fd;			/* mmap, mq_send; -1: none */
	char	comm[AGNOCAST_COMM_LEN];
	char	name[AGNOCAST_NAME_LEN]; /* without the leading "/"; "" if there is none */
};

/* Indices of the per-CPU map .lost: nothing is dropped silently. */
enum agnocast_lost {
	AGNOCAST_LOST_EVENTS,		/* no room in the ring buffer */
	AGNOCAST_LOST_STATS,		/* no room in .stats */
	AGNOCAST_LOST_CALLS,		/* no room in .started */
	AGNOCAST_LOST_COUNT,
};

#endif /* AGNOCAST_EVENTS_H */
