/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * area.h - this process's own shared memory
 *
 * The file /agnocast@<pid>, mapped writable over its whole address range once,
 * although the file is shorter. Memory is promised (fallocate) before anyone
 * gets it: a full /dev/shm is -ENOMEM here, never a SIGBUS. Allocates nothing.
 *
 * In a forked child the area is a private copy at the same addresses.
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

/* The heap's addresses, for the range check of each free(); 0, 0: none. */
extern uintptr_t area_heap_base;
extern size_t area_heap_size;

struct config;
struct agnocast_new_shm;

/*
 * While the registry works on the join: make the shared memory by the name that
 * it will most likely give. If it gives another, area_create() begins anew.
 */
void area_begin(const char *group_of);

/*
 * Make the shared memory that the registry named in @shm and map it at the
 * address it gave. @group_of: a file whose group may read it. On failure @why
 * gets a sentence and nothing is left.
 */
int area_create(const struct agnocast_new_shm *shm, const struct config *config,
		const char *group_of, char *why, size_t len);

/* A join that failed later, or just begun: unlink and unmap. */
void area_destroy(void);

/* Exit: remove the name; the mapping and its memory stay until the process ends. */
void area_unlink(void);

/*
 * mlockall(): lock what is committed, and with MCL_FUTURE what will be;
 * holes of the file stay holes. -ENOMEM: more than RLIMIT_MEMLOCK.
 */
int area_lock_memory(int mcl_flags);
void area_unlock_memory(void);

size_t area_bytes_committed(void);

/* The file's descriptor, checked, or -errno. Not to be closed. */
int area_fd(void);

/* Does [p, p + len) lie in the heap of this process's area? */
bool area_owns_heap(const void *p, size_t len);

/*
 * Heap: @size more bytes of address space, @align a power of two. Not to be
 * touched before pages_commit(). NULL: the area is exhausted. Thread-safe.
 */
void *area_heap_grow(size_t size, size_t align);

/* Take back what area_heap_grow() gave last; elsewhere the addresses stay unused. */
void area_heap_shrink(void *p, size_t size);

/*
 * For pages.c: @offset in the heap; as shmfile_commit() and shmfile_punch(). In
 * a forked child the same is done to its private memory.
 */
int area_file_commit(size_t offset, size_t len);
int area_file_punch(size_t offset, size_t len);

/*
 * First endpoint: commit all of MEMPOOL_SIZE (and prefault it if
 * AGNOCAST_PREFAULT=1). -ENOSPC, or -ENOMEM for a limit on memory: @why gets
 * both sizes.
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

/* The next @len bytes of the control part, committed; for block.c. 0: *@err. */
uint64_t area_control_grow(size_t len, int *err);

/*
 * fork. area_fork_prepare() holds area, pages and blocks still until
 * area_fork_release() in the parent. In between area_fork_share() lets the
 * child inherit the mapping, until area_fork_unshare().
 *
 * The child calls area_fork_child() before anything of it touches the area: its
 * parent's is then out of reach. A member's child calls area_fork_copy() next,
 * which gives it private memory at the same addresses. In between it may give
 * pages back, which are not copied then. -errno: the child has no heap.
 */
void area_fork_prepare(void);
void area_fork_share(void);
void area_fork_unshare(void);
void area_fork_release(void);
int area_fork_child(void);
int area_fork_copy(void);

/* block.c's part in that. */
void block_fork_prepare(void);
void block_fork_release(void);

#endif /* AGNOCAST_AREA_H */
