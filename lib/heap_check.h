/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * heap_check.h - AGNOCAST_HEAP_CHECK=1: every block of the heap is watched
 *
 * Whoever writes beyond a block, frees it twice, frees what is none or writes
 * to it after the free ends the process: one line on stderr says which block,
 * then abort(). Slow; off, it is one test of a flag.
 */
#ifndef AGNOCAST_HEAP_CHECK_H
#define AGNOCAST_HEAP_CHECK_H

#include <stdbool.h>
#include <stddef.h>

/* Set once, before the heap is used. heap.c's. */
extern bool heap_checked;

/* @alignment a power of two. NULL: no memory; errno is the caller's to set. */
void *heap_check_alloc(size_t alignment, size_t size, bool zero);

/* @p is not NULL, and claims to be a block of the heap. */
void heap_check_free(void *p);
void *heap_check_realloc(void *p, size_t size);
size_t heap_check_size(void *p);

/*
 * Blocks that libc gave under our name: heap_check_lend() notes one, and
 * heap_check_return() takes it back, or ends the process if there is none.
 */
void heap_check_lend(void *p);
void heap_check_return(void *p);

/* Exit: look at all that are alive. */
void heap_check_all(void);

void heap_check_fork_prepare(void);
void heap_check_fork_parent(void);
void heap_check_fork_child(void);

#endif /* AGNOCAST_HEAP_CHECK_H */
