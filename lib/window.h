/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * window.h - the address range of all areas, reserved in this process
 *
 * Reserved whole at the join (PROT_NONE), so that nothing else can land there;
 * mappings go over the reservation. Where only a limit on address space
 * forbids that, each mapping is made on its own (MAP_FIXED_NOREPLACE).
 * Allocates nothing. Thread-safe.
 */
#ifndef AGNOCAST_WINDOW_H
#define AGNOCAST_WINDOW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct window {
	uintptr_t	base;
	size_t		area_size;
	uint32_t	areas;
	bool		reserved;	/* whole; else on demand */
};

extern struct window window;

/*
 * Reserve [base, base + areas * area_size). -EEXIST: something is in the way,
 * @why names it (from /proc/self/maps) and the remedy. -ENOMEM: no such
 * addresses here. -EINVAL: not what a registry would say.
 */
int window_reserve(uintptr_t base, size_t area_size, uint32_t areas,
		   char *why, size_t len);

/* Undo window_reserve(), all mappings in it included. */
void window_unreserve(void);

/* Map this process's own area, writable. On failure @why says what is in the way. */
int window_map_own(uintptr_t address, int fd, char *why, size_t why_len);

/*
 * Map the first @len bytes of @fd read-only at @address (of another area), or
 * what is not mapped of them yet. Not dumped, not inherited by fork, not
 * locked. On failure @why says what is in the way.
 */
int window_map_peer(uintptr_t address, size_t len, int fd, char *why, size_t why_len);

/* Put the reservation back. */
void window_unmap_peer(uintptr_t address, size_t len);

/* fork: hold still; in the child also close the holes that peers left. */
void window_fork_prepare(void);
void window_fork_parent(void);
void window_fork_child(void);

#endif /* AGNOCAST_WINDOW_H */
