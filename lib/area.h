/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * area.h - this process's own shared memory
 *
 * The file /agnocast@<pid>, mapped writable over its whole address range once,
 * although the file is shorter. Memory is promised (fallocate) before anyone
 * gets it: a full /dev/shm is -ENOMEM here, never a SIGBUS. Allocates nothing.
 */
#ifndef AGNOCAST_AREA_H
#define AGNOCAST_AREA_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <agnocast/layout.h>

struct area {
	struct agnocast_area *header;	/* at .base; NULL: no area */
	uintptr_t	base;
	size_t		size;		/* address space, bytes */
	uint64_t	session;
	uint32_t	slot;
	uint32_t	pid;		/* as the registry sees it */
	char		shm_name[32];
};

extern struct area own_area;

/* Does [p, p + len) lie in the heap of this process's area? */
bool area_owns_heap(const void *p, size_t len);

/*
 * Heap: @size more bytes of address space, @align a power of two, committed
 * and zero. NULL: the area, /dev/shm or a limit is exhausted. Thread-safe.
 */
void *area_heap_grow(size_t size, size_t align);

/*
 * First endpoint: commit all of MEMPOOL_SIZE (and prefault it if
 * AGNOCAST_PREFAULT=1). -ENOSPC: @why gets both sizes.
 */
int area_participate(char *why, size_t len);

/*
 * Control part: a block of @size bytes (rounded up to a power of two >= 4096),
 * committed, and either zero or as area_block_free() got it (sequence numbers
 * of a reused block go on). Returns its offset in the area, or 0 with -ENOMEM,
 * -ENOSPC in *@err. Thread-safe.
 */
uint64_t area_block_alloc(size_t size, int *err);
void area_block_free(uint64_t block, size_t size);

#endif /* AGNOCAST_AREA_H */
