/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * heap.h - the malloc family of this process
 *
 * The functions themselves are those of <stdlib.h> and <malloc.h>. Served from
 * the area by a jemalloc whose view of the system is heap_os.c, or by libc
 * where this process did not join.
 */
#ifndef AGNOCAST_HEAP_H
#define AGNOCAST_HEAP_H

#include <stdbool.h>

/*
 * Are the malloc and free that this program calls those of this library? To be
 * asked by the thread that joins.
 */
bool heap_is_first(void);

/* The memory that the heap's start touches, for a process that has to wait anyway. */
void heap_prepare(void);

/*
 * Participants: start the thread that gives free memory back to the system,
 * and never again to be waited for by one that frees. 0 or -errno.
 */
int heap_thread_start(void);

/* At least once a second from then on: parts of the heap that are new take part. */
void heap_thread_check(void);

/* jemalloc's own fork handlers; nothing before its first use. */
void heap_fork_prepare(void);
void heap_fork_parent(void);
void heap_fork_child(void);

/* Then, in a child whose heap is not yet copied: give back what is free. */
void heap_fork_drop_free(void);

#endif /* AGNOCAST_HEAP_H */
