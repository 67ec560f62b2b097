/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * layout.h - what lies where in an area
 *
 * Shared by libagnocast, which writes its own area and reads others', and by
 * the observers, which read with pread() on the file. Not part of the public
 * API. One writer per page: only the owner writes here, so everything that is
 * read from another process's area is checked, copied once, then used.
 *
 * File offset and address differ by the area's base:
 *
 *	0		struct agnocast_area
 *	4096		blocks: rings and subscription blocks, committed on demand
 *	1 GiB		heap
 */
#ifndef AGNOCAST_LAYOUT_H
#define AGNOCAST_LAYOUT_H

#include <stdint.h>

#ifdef __cplusplus
#error "layout.h is C: it uses _Atomic"
#endif

#define AGNOCAST_AREA_MAGIC	UINT64_C(0x6165724174736e67)	/* "gnstArea" */
#define AGNOCAST_LAYOUT_VERSION	2
#define AGNOCAST_CONTROL_SIZE	(UINT64_C(1) << 30)
#define AGNOCAST_LINE		64

/* First page of an area. Written before AREA_READY, except for the counters. */
struct agnocast_area {
	uint64_t	magic;		/* stored last */
	uint32_t	version;
	uint32_t	pid;		/* as the registry sees it */
	uint64_t	session;
	uint64_t	base;
	uint64_t	size;		/* address space, bytes */
	uint64_t	heap;		/* offset of the heap */
	uint64_t	mempool_size;	/* rounded MEMPOOL_SIZE, bytes */
	uint64_t	max;		/* how far the file may grow, bytes */
	char		registry[108];	/* where it joined, as the owner calls it */
	uint32_t	slot;
	/* counters, by the owner, relaxed */
	_Atomic uint64_t control_committed;	/* bytes fallocated, header included */
	_Atomic uint64_t heap_committed;	/* bytes fallocated from .heap on */
	_Atomic uint64_t heap_used;		/* up to where addresses were handed to the allocator */
	_Atomic uint64_t grows;			/* commits beyond mempool_size */
	_Atomic uint64_t grow_failures;		/* commits refused by the system */
	_Atomic uint64_t map_failures;		/* peers that could not be mapped here */
	_Atomic uint32_t participant;		/* 1 from the first endpoint on */
	_Atomic uint32_t forks;			/* private copies made for children */
};

/* A message's place in a ring: one cache line, so that a reader polls one. */
struct agnocast_entry {
	_Alignas(AGNOCAST_LINE)
	_Atomic uint64_t seq;		/* stored last, release */
	_Atomic uint64_t address;
	_Atomic uint64_t bytes;
	_Atomic uint64_t publish_ns;	/* CLOCK_MONOTONIC */
};

/*
 * A publisher's block. Sequence numbers never restart, whoever uses the
 * block: a stale reader can never take a new message for an old one.
 */
struct agnocast_ring {
	/* constant while .instance stands */
	_Alignas(AGNOCAST_LINE)
	_Atomic uint64_t instance;	/* generation of the endpoint; 0: free */
	uint64_t	topic_roster;	/* offset of the topic's roster */
	uint64_t	first;		/* seq of the first message of this instance */
	uint32_t	capacity;	/* entries, a power of two, > depth + slack */
	uint32_t	depth;
	uint32_t	flags;		/* AGNOCAST_TRANSIENT_LOCAL */
	uint32_t	pad;
	/* written at each publish, read by those who sleep, lag or observe; the low
	 * half of head is the futex word */
	_Alignas(AGNOCAST_LINE)
	_Atomic uint64_t head;		/* seq of the next message */
	_Atomic uint64_t published_bytes;
	_Atomic uint64_t retained;	/* messages alive: in the ring or still claimed */
	_Atomic uint64_t wakes;		/* FUTEX_WAKE calls */
	_Atomic uint64_t refused;	/* publishes that failed with ENOBUFS */
	/* written once for several publishes, read at each take */
	_Alignas(AGNOCAST_LINE)
	_Atomic uint64_t tail;		/* oldest seq that may still be claimed */
	struct agnocast_entry entry[];
};

#define AGNOCAST_CLAIMS		64	/* messages a subscription may hold */
#define AGNOCAST_LATENCY_BUCKETS	40	/* bucket i: [2^i, 2^(i+1)) ns */

/*
 * agnocast_sub.waiting: how many sleep on their publishers' heads, and how
 * often one did. Only sleepers change it. A publisher that has woken the
 * sleepers of one value twice need not wake them again: whoever goes to sleep
 * later makes it another value.
 */
#define AGNOCAST_SLEEPERS(waiting)	((uint32_t)((waiting) & 0xffff))
#define AGNOCAST_SLEEP_BEGIN	UINT64_C(0x10001)
#define AGNOCAST_SLEEP_END	UINT64_C(1)

/*
 * agnocast_sub.bell: a subscription that somebody waits for in epoll_wait().
 * Bit 0: which of its process's two bells is to be rung; the rest counts
 * armings. A publisher rings twice at most for each value.
 */
#define AGNOCAST_BELL_LEVEL	0u	/* agnocast_fd() */
#define AGNOCAST_BELL_EDGE	1u	/* wait-sets */
#define AGNOCAST_BELLS		2u
#define AGNOCAST_BELL(arming, which)	(((uint64_t)(arming) << 1) | (which))

/* Where a subscription stands in one publisher's ring. */
struct agnocast_cursor {
	_Atomic uint64_t publisher;	/* generation; 0: unused */
	_Atomic uint64_t next;		/* seq of the next message to take */
};

/*
 * A subscription's block. A claim is AGNOCAST_CLAIM(generation, seq) of the
 * message that is being read; 0 is none. Both halves are truncated: a match by
 * accident keeps a message a little longer, a true claim always matches.
 */
struct agnocast_sub {
	/* what each publish looks at; not written while there is something to take */
	_Alignas(AGNOCAST_LINE)
	_Atomic uint64_t instance;	/* generation of the endpoint; 0: free */
	_Atomic uint64_t waiting;	/* AGNOCAST_SLEEPERS, and how often one slept */
	_Atomic uint64_t bell;		/* 0, or the last arming of a bell */
	/* written at each take, looked at when messages are reclaimed */
	_Alignas(AGNOCAST_LINE)
	_Atomic uint64_t claimed;	/* bit i: claim[i] is in use */
	_Atomic uint64_t claim[AGNOCAST_CLAIMS];
	/* counters, by the owner, relaxed */
	_Alignas(AGNOCAST_LINE)
	_Atomic uint64_t taken;
	_Atomic uint64_t dropped;	/* overwritten before they were taken */
	_Atomic uint64_t skipped;	/* passed over by take-latest */
	_Atomic uint64_t sleeps;
	_Atomic uint64_t refused;	/* takes that failed with EMFILE */
	_Atomic uint64_t claimed_ns[AGNOCAST_CLAIMS];	/* when each claim was made */
	_Atomic uint64_t latency[AGNOCAST_LATENCY_BUCKETS]; /* publish to take */
	uint32_t	depth;
	uint32_t	flags;
	struct agnocast_cursor cursor[512];	/* one per publisher in sight */
};

#define AGNOCAST_CLAIM(generation, seq) \
	(((uint64_t)(generation) << 32) | (uint32_t)(seq))

#endif /* AGNOCAST_LAYOUT_H */
