/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * copy.h - what a file holds, copied to memory as fast as the machine can
 *
 * For a forked child, before anything of libc works: allocates nothing.
 */
#ifndef AGNOCAST_COPY_H
#define AGNOCAST_COPY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The first part at or after *@from: [*from, *to), not empty. False: none, nothing changed. */
typedef bool (*copy_parts)(size_t *from, size_t *to);

/*
 * Copy these parts of @fd to @base + from on, which are private, writable and
 * zero. Holes are passed over. Much is copied by two threads, the second of
 * which is gone on return. -errno: the copy is not whole.
 */
int copy_file(int fd, uintptr_t base, copy_parts next_part);

#endif /* AGNOCAST_COPY_H */
